from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import Mock

import psycopg
import pytest

from atb_db import Database
from atb_db.admin.backup.dump import backup
from atb_db.admin.backup.names import manifest_file
from atb_db.admin.backup.restore import Replacement, restore
from atb_db.admin.destroy.deployment import mark_environment
from atb_db.admin.destroy.guards import Request
from atb_db.cli.exits import ExitCode
from atb_db.config import Settings
from atb_db.embedded import Server
from atb_db.errors import Timeout
from atb_db.repository import control
from atb_db.types import Environment
from tests.cli.conftest import Run
from tests.statements.examples import prepare

DATABASE = "to_be_restored"


@pytest.fixture(scope="module")
def source(server: Server, migrated: str) -> str:
    url = server.create_database(DATABASE, template=migrated)
    with Database(url) as db:
        prepare(db, unbooked=False)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE ROLE backup_reader")
        connection.execute("GRANT SELECT ON trades TO backup_reader")
        connection.execute("SELECT lo_from_bytea(0, 'large')")
        connection.execute('CREATE SCHEMA "Of mine"')
        connection.execute('CREATE TABLE "Of mine"."A ""table" AS SELECT 1 AS one')
    return url


@pytest.fixture(scope="module")
def dump(source: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return backup(Settings.load(source), folder=tmp_path_factory.mktemp("backups"), everything=True).path


@pytest.fixture
def used_url(migrated_url: str) -> str:
    """A database with one row of its own."""
    settings = Settings.load(migrated_url)
    mark_environment(settings, Environment.STAGING, replace=True)
    with Database(settings) as db:
        db.run(control.set_control_flag(name="halt", reason="test", source="test"))
    return migrated_url


def value(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()[0][0]


def flags(url: str) -> object:
    return value(url, "SELECT string_agg(name, ',' ORDER BY name) FROM system_control_flags")


def test_into_an_empty_database(source: str, dump: Path, empty_url: str, call: Run) -> None:
    code, out, err = call("restore", str(dump), "--target", empty_url, "--json", url=source)
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["clean"] is True
    assert found["rows"] == found["manifest"]["rows"]
    assert found["rows"]['"Of mine"."A ""table"'] == 1
    for table in ("positions", "trades", "orders", "account_balances", "performance_metrics", "trading_sessions"):
        query = f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} AS t"
        assert value(source, query) == value(empty_url, query)
    assert value(empty_url, "SELECT count(*) FROM system_events WHERE event_type = 'RESTORE'") == 1
    assert value(empty_url, "SELECT convert_from(lo_get(oid), 'UTF8') FROM pg_largeobject_metadata") == "large"
    assert value(empty_url, "SELECT has_table_privilege('backup_reader', 'trades', 'SELECT')") is True
    assert call("verify", url=empty_url).code == 0
    # The next id is not one of a restored row.
    new = value(empty_url, "SELECT nextval('trades_id_seq') > (SELECT max(id) FROM trades)")
    assert new is True


def test_a_database_that_is_not_empty_is_left_as_it_is(dump: Path, used_url: str, call: Run) -> None:
    code, _, err = call("restore", str(dump), url=used_url)
    assert (code, err.count("\n")) == (ExitCode.REFUSED, 1)
    assert "is not empty" in err
    assert flags(used_url) == "halt"


@pytest.mark.parametrize(
    "options",
    ["", "--confirm other --env staging", "--confirm {name}x --env staging", "--confirm {name} --env production"],
)
def test_replacing_is_guarded(dump: Path, used_url: str, call: Run, options: str) -> None:
    name = used_url.rpartition("/")[2]
    code, _, err = call("restore", str(dump), "--replace", *options.format(name=name).split(), url=used_url)
    assert code == ExitCode.REFUSED, err
    assert flags(used_url) == "halt"


@pytest.mark.slow
def test_replacing_takes_a_backup_first_and_keeps_what_the_database_is_for(
    dump: Path, used_url: str, tmp_path: Path, empty_url: str, call: Run
) -> None:
    name = used_url.rpartition("/")[2]
    options = ("--replace", "--confirm", name, "--env", "staging", "--json")
    code, out, err = call("restore", str(dump), *options, url=used_url)
    assert code == 0, err
    assert value(used_url, "SELECT count(*) FROM trades") == 6
    assert "halt" not in str(flags(used_url)).split(",")
    assert value(used_url, "SELECT environment FROM deployment") == "STAGING"
    assert call("verify", url=used_url).code == 0
    before = tmp_path / json.loads(out)["backed_up"]
    assert call("restore", str(before), url=empty_url).code == 0
    assert flags(empty_url) == "halt"


def test_a_failure_in_the_middle_of_replacing_changes_nothing(
    dump: Path, used_url: str, tmp_path: Path, call: Run
) -> None:
    name = used_url.rpartition("/")[2]
    copy = tmp_path / dump.name
    copy.write_bytes(dump.read_bytes())
    manifest = json.loads(manifest_file(dump).read_text())
    manifest["rows"]["public.trades"] += 1
    manifest_file(copy).write_text(json.dumps(manifest))
    before = value(used_url, "SELECT max(oid) FROM pg_class WHERE relnamespace = 'public'::regnamespace")
    options = ("--replace", "--confirm", name, "--env", "staging", "--no-backup")
    code, out, err = call("restore", str(copy), *options, url=used_url)
    assert (code, out) == (ExitCode.FAILED, "")
    assert "6 rows of public.trades where 7 are due" in err
    assert flags(used_url) == "halt"
    assert value(used_url, "SELECT max(oid) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == before


def test_a_dump_of_something_else_is_refused(server: Server, empty_url: str, tmp_path: Path, call: Run) -> None:
    foreign = server.create_database("foreign_app", template="template0")
    with psycopg.connect(foreign) as connection:
        connection.execute("CREATE TABLE users AS SELECT 1 AS id")
    other = backup(Settings.load(foreign), folder=tmp_path)
    assert "Not recorded in system_events" in other.notes[0]
    code, _, err = call("restore", str(other.path), url=empty_url)
    assert (code, err.count("\n")) == (ExitCode.REFUSED, 1)
    assert "of another schema" in err
    assert value(empty_url, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == 0


def test_a_dump_of_a_newer_version_is_refused(dump: Path, empty_url: str, tmp_path: Path, call: Run) -> None:
    copy = tmp_path / dump.name
    copy.write_bytes(dump.read_bytes())
    manifest = json.loads(manifest_file(dump).read_text())
    for change, said in (
        ({"migration": "9999-later"}, "does not know"),
        ({"server_version": "99.1"}, "of PostgreSQL 99.1"),
        ({"client_version": "99.1"}, "needs a pg_restore"),
        ({"format": 3}, "another version of atb-db"),
    ):
        manifest_file(copy).write_text(json.dumps(manifest | change))
        code, _, err = call("restore", str(copy), url=empty_url)
        assert code in {ExitCode.REFUSED, ExitCode.NO_TOOL, ExitCode.FAILED}
        assert said in err


@pytest.mark.slow
def test_grants_to_a_role_that_is_not_there_are_left_out(dump: Path, call: Run) -> None:
    from atb_db import embedded

    with embedded.postgresql() as other:
        code, _, err = call("restore", str(dump), url=other.create_database("new", template="template0"))
    assert code == 0
    assert 'No grants were restored, as role "backup_reader" does not exist.' in err


@pytest.mark.slow
def test_it_does_not_depend_on_where_people_sit(
    source: str, empty_url: str, monkeypatch: pytest.MonkeyPatch, call: Run
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    made = call("backup", url=source).out.strip()
    monkeypatch.setenv("TZ", "America/New_York")
    for url in (source, empty_url):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {url.rpartition('/')[2]} SET timezone TO 'Asia/Kolkata'")
            connection.execute(f"ALTER DATABASE {url.rpartition('/')[2]} SET datestyle TO 'German'")
    assert call("restore", made, url=empty_url).code == 0


def test_an_application_that_is_at_work_is_not_waited_for_long(dump: Path, used_url: str) -> None:
    settings = Settings.load(used_url, lock_timeout=0.1)
    request = Request(environment=Environment.STAGING, name=used_url.rpartition("/")[2])
    with psycopg.connect(used_url) as connection:
        connection.execute("SELECT name FROM system_control_flags")
        with pytest.raises(Timeout, match="lock timeout"):
            restore(settings, dump, replacement=Replacement(request, None))
    assert flags(used_url) == "halt"


@pytest.mark.slow
def test_a_role_without_special_rights_backs_up_and_restores(server: Server, call: Run) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE owner_only LOGIN")
        for name in ("owned", "owned_too"):
            connection.execute(f"CREATE DATABASE {name} OWNER owner_only TEMPLATE template0")
    owned, other = (server.url(database=name).replace("postgres@", "owner_only@") for name in ("owned", "owned_too"))
    assert call("migrate", url=owned).code == 0
    made = call("backup", url=owned).out.strip()
    code, out, err = call("restore", made, url=other)
    assert (code, out) == (0, "")
    assert ", as many as the manifest says, into" in err
    assert call("restore", made, "--replace", "--confirm", "owned", url=owned).code == 0
    assert call("verify", url=owned).code == 0


@pytest.mark.slow
def test_a_database_that_said_nothing_says_nothing(server: Server, migrated: str, migrated_url: str, call: Run) -> None:
    mark_environment(Settings.load(migrated_url), Environment.PRODUCTION)
    made = call("backup", url=migrated_url).out.strip()
    name = "silent"
    silent_url = server.create_database(name, template=migrated)
    assert call("restore", made, "--replace", "--confirm", name, url=silent_url).code == 0
    assert value(silent_url, "SELECT count(environment) FROM deployment") == 0


def test_it_says_what_it_said_from_the_moment_on_when_it_has_the_rows(
    dump: Path, used_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atb_db.admin.backup.restore.migrate", Mock(side_effect=KeyboardInterrupt))
    request = Request(environment=Environment.STAGING, name=used_url.rpartition("/")[2])
    with pytest.raises(KeyboardInterrupt):
        restore(Settings.load(used_url), dump, replacement=Replacement(request, None))
    assert value(used_url, "SELECT count(*) FROM trades") != 0
    assert value(used_url, "SELECT environment::text FROM deployment") == "STAGING"
