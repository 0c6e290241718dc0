from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from unittest.mock import Mock

import psycopg
import pytest

from atb_db import Database
from atb_db.admin.access.roles import Members, set_roles
from atb_db.admin.destroy.deployment import mark_environment
from atb_db.admin.destroy.guards import Allowed, Denied, NameNeeded, Request, Target, Usage, judge
from atb_db.admin.destroy.nuke import nuke, reset
from atb_db.admin.migrations import migrate
from atb_db.admin.migrations.yoyo_backend import Backend
from atb_db.admin.schema.verify import verify
from atb_db.cli.exits import ExitCode, exit_code
from atb_db.config import Settings
from atb_db.embedded import Server
from atb_db.errors import Timeout
from atb_db.repository import control
from atb_db.types import Environment
from tests.admin.roles import remove_roles
from tests.cli.conftest import COMMAND, Run, environment
from tests.statements.books import contents, row_counts
from tests.statements.examples import prepare

_numbers = count(1)
FOREIGN = (
    'CREATE TABLE guests (id integer PRIMARY KEY); CREATE SCHEMA "Of mine"; CREATE VIEW "Of mine".v AS SELECT 1 AS a'
)
HERE = Target("127.0.0.1", local=True, database="bot", user="me", environment=None, usage=Usage(0, 0, 0))
ELSEWHERE = HERE._replace(host="db.example.com", local=False)


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


def value(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()[0][0]


@pytest.fixture(scope="module")
def used_template(server: Server, migrated: str) -> str:
    """A staging database with rows, migrated, to which nobody is connected."""
    settings = Settings.load(server.create_database("used", template=migrated))
    with Database(settings) as db:
        prepare(db, unbooked=False)
        db.run(control.set_control_flag(name="halt", reason="test", source="test"))
    mark_environment(settings, Environment.STAGING, replace=True)
    return "used"


@pytest.fixture
def used_url(server: Server, used_template: str) -> Iterator[str]:
    """A copy of it, of the test's own."""
    name = f"used_{next(_numbers)}"
    yield server.create_database(name, template=used_template)
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.mark.parametrize(
    ("target", "environment", "expected"),
    [
        (HERE, None, Allowed),
        (HERE, Environment.STAGING, Allowed),
        (HERE._replace(environment=Environment.STAGING), None, Allowed),
        (HERE._replace(environment=Environment.STAGING), Environment.PRODUCTION, Denied),
        (HERE._replace(environment=Environment.PRODUCTION), None, Denied),
        (HERE._replace(environment=Environment.PRODUCTION), Environment.STAGING, Denied),
        (HERE._replace(environment=Environment.PRODUCTION), Environment.PRODUCTION, Allowed),
        (ELSEWHERE, None, Denied),
        (ELSEWHERE, Environment.STAGING, Denied),
        (ELSEWHERE, Environment.PRODUCTION, Allowed),
        (ELSEWHERE._replace(environment=Environment.STAGING), None, Allowed),
    ],
)
def test_the_guard(target: Target, environment: Environment | None, expected: type) -> None:
    assert type(judge(target, Request(environment, "bot"))) is expected
    nameless = judge(target, Request(environment))
    assert type(nameless) is (Denied if expected is Denied else NameNeeded)
    assert type(judge(target, Request(environment, "Bot"))) is Denied


def test_nuke_makes_the_schema_anew(used_url: str, call: Run) -> None:
    with psycopg.connect(used_url, autocommit=True) as connection:
        connection.execute(
            "CREATE ROLE onlooker; GRANT SELECT ON trades TO onlooker; GRANT USAGE ON SCHEMA public TO onlooker"
        )
        connection.execute("GRANT SELECT (symbol) ON positions TO onlooker; COMMENT ON SCHEMA public IS 'Mine'")
        connection.execute(FOREIGN)
    public = "SELECT nspowner::text || nspacl::text || obj_description(oid) FROM pg_namespace WHERE nspname = 'public'"
    before = value(used_url, public)
    code, out, err = call("nuke", "--confirm", name_of(used_url), "--no-backup", "--json", url=used_url)
    assert code == 0, err
    done = json.loads(out)
    wanted = {"table trades", "enum severity", "domain price", "view reporting.daily_equity", "table _yoyo_migration"}
    assert wanted <= set(done["dropped"])
    assert set(done["kept"]) == {"table guests", "schema Of mine", 'view "Of mine".v'}
    assert value(used_url, public) == before
    assert value(used_url, "SELECT has_table_privilege('onlooker', 'trades', 'SELECT')") is True
    assert value(used_url, "SELECT has_column_privilege('onlooker', 'positions', 'symbol', 'SELECT')") is True
    assert value(used_url, "SELECT has_column_privilege('onlooker', 'positions', 'side', 'SELECT')") is False
    left = {table: rows for table, rows in row_counts(used_url).items() if rows and not table.startswith("_")}
    assert left == {"system_events": 1, "deployment": 1}
    assert value(used_url, "SELECT environment::text FROM deployment") == "STAGING"
    assert call("migrate", url=used_url)[:2] == (0, "")
    assert call("verify", url=used_url).code == 0


@pytest.fixture
def _without_roles(server: Server) -> Iterator[None]:
    """Afterwards."""
    yield
    remove_roles(server, "onlooking")


@pytest.mark.slow
@pytest.mark.usefixtures("_without_roles")
def test_nuke_leaves_the_roles_working(server: Server, used_url: str, call: Run) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE onlooking LOGIN")
    settings = Settings.load(used_url)
    assert set_roles(settings, Members(readers=("onlooking",))).undone == ()
    code, _, err = call("nuke", "--confirm", name_of(used_url), "--no-backup", url=used_url)
    assert code == 0
    assert "Not granted" not in err
    assert call("verify", url=used_url).code == 0
    assert value(used_url.replace("postgres@", "onlooking@"), "SELECT count(*) FROM trades") == 0
    assert call("roles", "--check", url=used_url).code == 0


@pytest.mark.slow
@pytest.mark.usefixtures("_without_roles")
def test_killed_before_it_records_the_migrations_it_leaves_the_roles(
    used_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.load(used_url)
    set_roles(settings, Members())
    monkeypatch.setattr("atb_db.admin.destroy.nuke.migrate", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        nuke(settings, Request(environment=Environment.STAGING, name=name_of(used_url)), backup_folder=None)
    migrate(settings)
    assert [one for one in verify(settings).findings if " on table _" not in one.where] == []


def test_a_backup_that_fails_drops_nothing(server: Server, call: Run) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE half_owner LOGIN")
        connection.execute("CREATE DATABASE half_owned OWNER half_owner TEMPLATE template0")
    url = server.url(database="half_owned").replace("postgres@", "half_owner@")
    assert call("migrate", url=url).code == 0
    with psycopg.connect(server.url(database="half_owned")) as connection:
        connection.execute("CREATE TABLE secret ()")
    before = contents(server.url(database="half_owned"))
    code, _, err = call("nuke", "--confirm", "half_owned", url=url)
    assert code == 1
    assert "the backup before it failed, so nothing was dropped" in err
    assert "secret" in err
    assert contents(server.url(database="half_owned")) == before


def test_a_backup_is_made_first(used_url: str, call: Run) -> None:
    code, out, _ = call("nuke", "--confirm", name_of(used_url), url=used_url)
    assert code == 0
    assert call("backup", "verify", out.strip(), url=used_url).code == 0


def test_the_dry_run_lists_and_writes_nothing(used_url: str, call: Run) -> None:
    with psycopg.connect(used_url, autocommit=True) as connection:
        connection.execute(FOREIGN)
    before = contents(used_url)
    code, out, _ = call("nuke", "--dry-run", url=used_url)
    assert code == 0
    lines = [line.split(maxsplit=2) for line in out.splitlines()]
    assert ["drop", "table", "trades"] in lines
    assert ["keep", "table", "guests"] in lines
    assert ["drop", "table", "guests"] in [
        line.split(maxsplit=2) for line in call("nuke", "--dry-run", "--all", url=used_url).out.splitlines()
    ]
    assert contents(used_url) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["nuke", "--no-backup"],
        ["nuke", "--no-backup", "--confirm", "another"],
        ["nuke", "--no-backup", "--confirm", "NAME", "--env", "production"],
        ["reset-railway", "staging", "--no-backup"],
        ["reset-railway", "production", "--yes", "--no-backup"],
        ["reset-railway", "production", "--yes", "--no-backup", "--confirm", "NAME"],
    ],
)
def test_a_guard_refuses_and_nothing_changes(arguments: list[str], used_url: str, call: Run) -> None:
    before = contents(used_url)
    given = [name_of(used_url) if argument == "NAME" else argument for argument in arguments]
    code, out, err = call(*given, url=used_url)
    assert (code, out) == (ExitCode.REFUSED, "")
    assert err.splitlines()[-1].startswith("atb-db: ")
    assert contents(used_url) == before


def test_production_must_be_named(used_url: str, call: Run) -> None:
    mark_environment(Settings.load(used_url), Environment.PRODUCTION, replace=True)
    name = name_of(used_url)
    assert call("nuke", "--no-backup", "--confirm", name, url=used_url).code == ExitCode.REFUSED
    assert call("reset-railway", "staging", "--yes", "--no-backup", url=used_url).code == ExitCode.REFUSED
    assert call("reset-railway", "production", "--yes", "--no-backup", url=used_url).code == ExitCode.REFUSED
    assert call("nuke", "--no-backup", "--confirm", name, "--env", "production", url=used_url).code == 0


def test_what_depends_on_ours_is_not_dropped_silently(used_url: str, call: Run) -> None:
    with psycopg.connect(used_url, autocommit=True) as connection:
        connection.execute("CREATE VIEW mine AS SELECT symbol FROM trades; CREATE TABLE notes (s severity, t text)")
    before = contents(used_url)
    name = name_of(used_url)
    code, _, err = call("nuke", "--no-backup", "--confirm", name, url=used_url)
    assert code == ExitCode.REFUSED
    assert "table notes, view mine" in err
    assert contents(used_url) == before
    assert call("nuke", "--no-backup", "--confirm", name, "--all", url=used_url).code == 0
    assert value(used_url, "SELECT to_regclass('mine') IS NULL AND to_regclass('notes') IS NULL") is True


def test_a_migration_under_way_is_not_disturbed(used_url: str, call: Run) -> None:
    with Backend.connect_to(Settings.load(used_url)) as holder, holder.lock():
        for arguments in (("nuke", "--confirm", name_of(used_url)), ("reset-railway", "staging", "--yes")):
            assert call(*arguments, "--no-backup", url=used_url).code == ExitCode.LOCKED


def test_reset_empties_the_tables(server: Server, used_url: str, call: Run) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS keeper; CREATE ROLE keeper LOGIN")
        connection.execute(f"ALTER DATABASE {name_of(used_url)} OWNER TO keeper".encode())
    with psycopg.connect(used_url, autocommit=True) as connection:
        for kind, name in connection.execute(
            "SELECT CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, oid::regclass::text FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')"
        ).fetchall():
            connection.execute(f"ALTER {kind} {name} OWNER TO keeper".encode())
    migrations = contents(used_url)["_yoyo_migration"]
    keeper = used_url.replace("postgres@", "keeper@")
    code, out, _ = call("reset-railway", "staging", "--yes", "--no-backup", "--json", "--url", keeper)
    assert code == 0
    assert json.loads(out)["rows"] > 50
    left = row_counts(used_url)
    assert {table for table, rows in left.items() if rows and table[0] != "_"} == {
        "deployment",
        "system_control_flags",
        "system_events",
    }
    assert value(used_url, "SELECT active FROM system_control_flags WHERE name = 'halt'") is True
    assert value(used_url, "SELECT string_agg(event_type::text, ',') FROM system_events") == "RESET"
    assert value(used_url, "SELECT id FROM system_events") == 1
    assert contents(used_url)["_yoyo_migration"] == migrations
    assert call("verify", url=used_url).code == 0


@pytest.mark.slow
def test_grants_on_ours_are_made_again_and_those_on_others_left_alone(used_url: str, call: Run) -> None:
    with psycopg.connect(used_url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS grantee; CREATE ROLE grantee")
        connection.execute("CREATE TABLE guests (id integer); GRANT SELECT ON guests, trades TO grantee")
        connection.execute("CREATE FUNCTION one() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
        connection.execute("GRANT EXECUTE ON FUNCTION one() TO grantee")
        connection.execute("REVOKE USAGE ON TYPE severity FROM PUBLIC; GRANT USAGE ON TYPE severity TO grantee")
    granted = "SELECT (SELECT typacl::text FROM pg_type WHERE typname = 'severity') || relacl::text FROM pg_class"
    ours, others = (f"{granted} WHERE oid = '{name}'::regclass" for name in ("trades", "guests"))
    before = [value(used_url, query) for query in (ours, others)]
    name = name_of(used_url)
    done = json.loads(call("nuke", "--confirm", name, "--no-backup", "--json", url=used_url).out)
    assert [value(used_url, query) for query in (ours, others)] == before
    assert (done["granted"], done["notes"]) == (3, [])
    done = json.loads(call("nuke", "--confirm", name, "--no-backup", "--all", "--json", url=used_url).out)
    assert {"table guests", "function one()"} <= set(done["dropped"])
    assert (done["granted"], done["notes"]) == (3, [])
    assert value(used_url, ours) == before[0]


def test_a_table_in_use_is_not_waited_for_long(used_url: str) -> None:
    before = contents(used_url)
    settings = Settings.load(used_url)._replace(lock_timeout=0.1)
    request = Request(Environment.STAGING, name_of(used_url))
    with psycopg.connect(used_url) as holder:
        holder.execute("SELECT FROM trades")
        for command in (nuke, reset):
            with pytest.raises(Timeout) as refused:
                command(settings, request, backup_folder=None)
            assert exit_code(refused.value) is ExitCode.LOCKED
    assert contents(used_url) == before


def test_reset_names_the_table_that_stands_in_the_way(used_url: str, call: Run) -> None:
    with psycopg.connect(used_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE notes (session_id bigint REFERENCES trading_sessions)")
    before = contents(used_url)
    code, _, err = call("reset-railway", "staging", "--yes", "--no-backup", url=used_url)
    assert code == ExitCode.REFUSED
    assert 'Table "notes" references "trading_sessions"' in err
    assert contents(used_url) == before


@pytest.mark.slow
def test_who_owns_the_database_needs_no_other_right(server: Server, empty_url: str, call: Run) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS holder; CREATE ROLE holder LOGIN")
        connection.execute(f"ALTER DATABASE {name_of(empty_url)} OWNER TO holder".encode())
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("GRANT CREATE ON SCHEMA public TO holder")  # before PostgreSQL 15 everybody had it
    holder = empty_url.replace("postgres@", "holder@")
    for done in ("made", "made anew"):
        code, _, err = call("nuke", "--confirm", name_of(empty_url), "--no-backup", "--url", holder)
        assert code == 0, (done, err)
    owners = "SELECT string_agg(DISTINCT tableowner, ',') FROM pg_tables WHERE schemaname IN ('public', 'reporting')"
    assert value(empty_url, owners) == "holder"
    code, _, err = call("nuke", "--confirm", name_of(empty_url), "--no-backup", "--url", empty_url)
    assert code == 0, err
    assert value(empty_url, owners) == "holder"  # also when a superuser was called
    for command in ("status", "migrate", "verify"):
        code, _, err = call(command, "--url", holder)
        assert code == 0, (command, err)


@pytest.mark.parametrize(
    "seconds", [pytest.param(0.3, marks=pytest.mark.slow), 0.5, pytest.param(0.7, marks=pytest.mark.slow)], ids=str
)
def test_killed_at_any_moment_nothing_is_half_done(used_url: str, seconds: float, call: Run) -> None:
    before = contents(used_url)
    command = (*COMMAND, "nuke", "--no-backup", "--confirm", name_of(used_url))
    with subprocess.Popen(command, env=environment(used_url), stderr=subprocess.DEVNULL) as killed:
        time.sleep(seconds)
        killed.kill()
    wait_until_alone(used_url)
    rows = row_counts(used_url)
    assert contents(used_url) == before or rows["trades"] == 0
    assert value(used_url, "SELECT environment::text FROM deployment") == "STAGING"
    assert call("migrate", url=used_url).code == 0
    assert call("verify", url=used_url).code == 0


@pytest.mark.parametrize(
    ("typed", "code"),
    [("NAME\n", ExitCode.OK), ("another\n", ExitCode.REFUSED), ("\x03", ExitCode.INTERRUPTED)],
    ids=["the name", "another", "ctrl-c"],
)
def test_the_name_is_asked_for_on_a_terminal(used_url: str, typed: str, code: ExitCode) -> None:
    before = contents(used_url)
    ours, theirs = pty.openpty()
    # A terminal turns Ctrl-C into a signal only for whom it controls.
    control = (
        "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
    )
    with subprocess.Popen(
        (sys.executable, "-c", control, *COMMAND, "nuke", "--no-backup"),
        env=environment(used_url),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as asking:
        try:
            shown = b""
            while b"Its name" not in shown:
                assert select.select([ours], [], [], 30)[0], shown
                shown += os.read(ours, 1000)
            for _ in range(15):
                # A Ctrl-C that comes just before Python waits for a key is noticed with the next one only.
                os.write(ours, typed.replace("NAME", name_of(used_url)).encode())
                with contextlib.suppress(subprocess.TimeoutExpired):
                    asking.wait(2)
                    break
            assert asking.poll() == code
        finally:
            asking.kill()
    os.close(theirs)
    os.close(ours)
    assert b"STAGING: about" in shown
    assert (contents(used_url) == before) is (code is not ExitCode.OK)


def wait_until_alone(url: str) -> None:
    """Until the server has noticed that a client was killed."""
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    deadline = time.monotonic() + 60
    while value(url, others) != 0:
        assert time.monotonic() < deadline
        time.sleep(0.05)
