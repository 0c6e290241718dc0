"""Collations of ICU whose version is made to differ, on a real server; the wheel's PostgreSQL has no ICU."""

import json
import signal
import subprocess
from collections.abc import Iterator
from time import monotonic, sleep
from typing import LiteralString

import psycopg
import pytest

from atb_db.admin.collation import Collation, check_collation
from atb_db.cli.exits import ExitCode
from atb_db.config import Settings
from atb_db.embedded import Server
from atb_db.sqlfile import schema_sql, sql_root
from tests.cli.conftest import COMMAND, Run, environment

CREATE_TEMPLATE = "CREATE DATABASE icu_template TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"


@pytest.fixture(scope="module")
def icu_template(server: Server) -> str:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        try:
            connection.execute(CREATE_TEMPLATE)
        except (psycopg.errors.FeatureNotSupported, psycopg.errors.SyntaxError):
            pytest.skip("this PostgreSQL was built without ICU, or is older than 15")
    with psycopg.connect(server.url(database="icu_template")) as connection:
        connection.execute(schema_sql())
    return "icu_template"


@pytest.fixture
def icu_url(server: Server, icu_template: str) -> Iterator[str]:
    url = server.create_database("icu", template=icu_template)
    yield url
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("DROP DATABASE icu WITH (FORCE)")


def versions(url: str) -> tuple[object, ...] | None:
    query = """
        SELECT datcollversion = pg_database_collation_actual_version(oid),
               (SELECT collation_version FROM deployment) = pg_database_collation_actual_version(oid)
          FROM pg_database WHERE datname = current_database()"""
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchone()


def change(url: str, statement: LiteralString) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement)


PRETEND_RECORDED = "UPDATE pg_database SET datcollversion = '1' WHERE datname = current_database()"
PRETEND_SEEN = "UPDATE deployment SET collation_version = '1'"
# Built in another order than that which its collation has now, as after an upgrade of ICU.
BUILD_IN_ANOTHER_ORDER = """
    CREATE TABLE names (name text COLLATE "C");
    INSERT INTO names VALUES ('B'), ('a'), ('C'), ('b');
    CREATE INDEX names_idx ON names (name);
    UPDATE pg_attribute SET attcollation = 'default'::regcollation
     WHERE attname = 'name' AND attrelid IN ('names'::regclass, 'names_idx'::regclass);
    UPDATE pg_index SET indcollation = (SELECT indcollation FROM pg_index WHERE indexrelid = 'books_idx'::regclass)
     WHERE indexrelid = 'names_idx'::regclass"""


def test_a_version_without_a_change_is_remembered(icu_url: str, call: Run) -> None:
    code, out, err = call("check-collation", url=icu_url)
    assert (code, versions(icu_url)) == (0, (True, True))
    assert out.splitlines()[1].split()[0] == "default"
    assert "The collations are in order." in err
    code, out, _ = call("fix-collation", "--json", url=icu_url)
    assert (code, json.loads(out)["rebuilt"]) == (0, [])


@pytest.mark.parametrize("pretend", [PRETEND_RECORDED, PRETEND_SEEN])
def test_a_change_is_found_and_mended_once(icu_url: str, call: Run, pretend: LiteralString) -> None:
    assert call("check-collation", "--quick", url=icu_url)[0] == 0
    change(icu_url, pretend)
    code, out, _ = call("check-collation", "--quick", "--json", url=icu_url)
    assert code == ExitCode.FOUND
    due = {one["text_index"]["name"] for one in json.loads(out)["due"]}
    assert {"orders_exchange_order_id_key", "trading_sessions_identity_idx"} < due
    code, out, _ = call("fix-collation", url=icu_url)
    assert (code, len(out.splitlines())) == (0, len(due))
    assert versions(icu_url) == (True, True)
    code, out, _ = call("fix-collation", url=icu_url)
    assert (code, out) == (0, "")
    assert call("check-collation", url=icu_url)[0] == 0


def test_an_index_in_another_order_is_found_and_finds_its_rows_again(icu_url: str, call: Run) -> None:
    with psycopg.connect(icu_url) as connection:
        if connection.execute("SELECT FROM pg_available_extensions WHERE name = 'amcheck'").rowcount == 0:
            pytest.skip("this PostgreSQL has no amcheck")
        connection.execute("CREATE TABLE books (title text); CREATE INDEX books_idx ON books (title)")
        connection.execute(BUILD_IN_ANOTHER_ORDER)

    def found() -> int:
        with psycopg.connect(icu_url) as connection:
            connection.execute("SET enable_seqscan = off")
            return connection.execute("SELECT FROM names WHERE name = 'a'").rowcount

    assert found() == 0
    code, out, _ = call("check-collation", url=icu_url)
    assert (code, "names_idx" in out, versions(icu_url)) == (ExitCode.FOUND, True, (True, None))
    assert "amcheck: item order invariant violated" in " ".join(out.split())
    code, out, _ = call("fix-collation", url=icu_url)
    assert (code, out, found()) == (0, '"public"."names_idx"\n', 1)
    assert versions(icu_url) == (True, True)
    with psycopg.connect(icu_url) as connection:
        assert connection.execute("SELECT FROM pg_extension WHERE extname = 'amcheck'").rowcount == 0


def test_a_duplicate_that_crept_in_is_told_and_nothing_is_recorded(icu_url: str, call: Run) -> None:
    change(
        icu_url,
        """
        CREATE TABLE names (name text); INSERT INTO names VALUES ('a'), ('b');
        CREATE UNIQUE INDEX names_key ON names (name);
        UPDATE pg_index SET indisready = FALSE WHERE indexrelid = 'names_key'::regclass""",
    )
    change(icu_url, "INSERT INTO names VALUES ('a')")
    change(icu_url, "UPDATE pg_index SET indisready = TRUE WHERE indexrelid = 'names_key'::regclass")
    change(icu_url, PRETEND_RECORDED)
    code, _, err = call("fix-collation", url=icu_url)
    assert code == ExitCode.FAILED
    assert 'Could not rebuild "public"."names_key": Key (name)=(a) is duplicated.' in err
    assert versions(icu_url) == (False, None)
    code, out, _ = call("check-collation", "--quick", "--json", url=icu_url)
    assert (code, json.loads(out)["leftovers"]) == (ExitCode.FOUND, [])
    change(icu_url, "SET enable_indexscan = off; SET enable_bitmapscan = off; DELETE FROM names WHERE name = 'a'")
    assert call("fix-collation", url=icu_url)[0] == 0
    assert versions(icu_url) == (True, True)


def test_interrupted_and_run_again(icu_url: str, call: Run) -> None:
    change(icu_url, PRETEND_RECORDED)
    with psycopg.connect(icu_url) as busy:
        busy.execute("LOCK TABLE orders IN ROW EXCLUSIVE MODE")  # a writer, for which the rebuilding waits
        fixing = subprocess.Popen((*COMMAND, "fix-collation"), env=environment(icu_url), stderr=subprocess.PIPE)
        end = monotonic() + 30
        with psycopg.connect(icu_url, autocommit=True) as watching:
            while watching.execute("SELECT FROM pg_class WHERE relname ~ '^orders.*_ccnew'").rowcount == 0:
                assert monotonic() < end
                sleep(0.02)
        assert call("fix-collation", url=icu_url)[0] == ExitCode.LOCKED
        fixing.send_signal(signal.SIGINT)
        fixing.communicate(timeout=60)
        assert fixing.returncode == ExitCode.INTERRUPTED
    code, out, _ = call("check-collation", "--quick", "--json", url=icu_url)
    assert (code, len(json.loads(out)["leftovers"]), versions(icu_url)) == (ExitCode.FOUND, 1, (False, None))
    code, out, _ = call("fix-collation", "--json", url=icu_url)
    assert (code, len(json.loads(out)["removed"])) == (0, 1)
    assert versions(icu_url) == (True, True)
    assert call("check-collation", url=icu_url)[0] == 0


def test_a_role_that_may_only_read_checks_and_is_told_what_is_not_remembered(icu_url: str, call: Run) -> None:
    change(icu_url, "CREATE ROLE looking LOGIN; GRANT SELECT ON deployment TO looking")
    code, _, err = call("check-collation", url=icu_url.replace("postgres@", "looking@"))
    assert (code, versions(icu_url)) == (0, (True, None))
    assert "could not be remembered" in err
    assert "amcheck: not available: permission denied" in err
    change(icu_url, "DROP OWNED BY looking; DROP ROLE looking")


def test_a_database_in_the_order_of_bytes_has_nothing_to_check(empty_url: str) -> None:
    found = check_collation(Settings.load(empty_url))
    assert found.clean
    assert found.indexes == ()
    assert found.collations == (Collation("default", None, None),)


def test_the_query_for_postgresql_14_runs(empty_url: str) -> None:
    with psycopg.connect(empty_url) as connection:
        query = (sql_root() / "catalog" / "collation_before_15.sql").read_bytes()
        assert connection.execute(query).fetchall() == [(None, None)]
