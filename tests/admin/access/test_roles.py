"""The three groups: what each may do, tried as each of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import Final, NamedTuple, cast

import psycopg
import pytest
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from atb_db import Database
from atb_db.admin.access.privileges import GROUPS, OWNER, RUNTIME, TABLES
from atb_db.admin.access.roles import Members, check_roles, set_roles
from atb_db.admin.collation import fix_collation
from atb_db.admin.destroy.guards import Request
from atb_db.admin.destroy.nuke import nuke
from atb_db.admin.errors import LockHeld
from atb_db.admin.findings import Level
from atb_db.admin.locks import COLLATIONS, MIGRATIONS
from atb_db.admin.migrations import State, migrate, status
from atb_db.admin.migrations.yoyo_backend import Backend
from atb_db.admin.schema.catalog import expected_catalog
from atb_db.admin.schema.verify import verify
from atb_db.config import Settings
from atb_db.embedded import Server
from atb_db.repository import statements
from atb_db.statement import Declared, Kind, Statement
from atb_db.types import Environment
from tests.admin.roles import execute, remove_roles
from tests.conftest import TEMPLATE
from tests.each import each
from tests.statements.examples import World, example
from tests.statements.worlds import (  # noqa: F401  fixtures
    MakeDatabase,
    _prepared,
    make_world,
    world,
)

MEMBERS: Final = Members(owners=("deploy",), engines=("engine",), readers=("grafana",))
STATEMENTS: Final = statements()
FOR_THE_OWNER: Final[frozenset[str]] = frozenset()
_numbers = count(1)


class Roled(NamedTuple):
    """A database with the groups, and a login in each."""

    url: str

    @property
    def name(self) -> str:
        return str(conninfo_to_dict(self.url)["dbname"])

    def as_login(self, login: str) -> str:
        return self.url.replace("postgres@", f"{login}@")

    def connect(self, login: str) -> psycopg.Connection:
        return psycopg.connect(self.as_login(login), autocommit=True)


@pytest.fixture(scope="module")
def logins(server: Server) -> Iterator[None]:
    """Logins without any right."""
    execute(server.url(), *(f"CREATE ROLE {login} LOGIN" for login in ("deploy", "engine", "grafana", '"Some One"')))
    yield
    remove_roles(server, "deploy", "engine", "grafana", "Some One")


@pytest.fixture(scope="module")
def roled(logins: None, make_world: MakeDatabase) -> Roled:  # noqa: ARG001, F811
    url = make_world()
    done = set_roles(Settings.load(url), MEMBERS)
    assert done.undone == ()
    return Roled(url)


@pytest.fixture(scope="module")
def engine(roled: Roled) -> Iterator[Database]:
    with Database(roled.as_login("engine")) as database:
        yield database


@pytest.fixture(scope="module")
def reader(roled: Roled) -> Iterator[Database]:
    with Database(roled.as_login("grafana")) as database:
        yield database


@pytest.fixture
def own(logins: None, server: Server) -> Roled:  # noqa: ARG001
    """A database of the test's own, for the test to set the roles in."""
    return Roled(server.create_database(f"roled_{next(_numbers)}", template=TEMPLATE))


# Before the first test that makes the groups.


def test_an_owner_with_createrole_can_do_all_of_it(server: Server, empty_url: str) -> None:
    database = psycopg.conninfo.conninfo_to_dict(empty_url)["dbname"]
    execute(server.url(), "CREATE ROLE builder LOGIN CREATEROLE", f"ALTER DATABASE {database} OWNER TO builder")
    settings = Settings.load(empty_url.replace("postgres@", "builder@"))
    try:
        migrate(settings)
        done = set_roles(settings, Members())
        assert [change.where for change in done.done][:3] == list(GROUPS)
        assert done.undone == ()
        assert check_roles(settings, Members()) == ()
        execute(settings.conninfo, "ALTER TABLE trades ADD COLUMN later text")
    finally:
        remove_roles(server, "builder")


def test_what_cannot_be_done_is_said(server: Server, fresh_url: str) -> None:
    execute(server.url(), "CREATE ROLE nobody_special LOGIN")
    try:
        done = set_roles(Settings.load(fresh_url.replace("postgres@", "nobody_special@")), Members())
    finally:
        remove_roles(server, "nobody_special")
    assert done.done == ()
    assert [one.change.where for one in done.undone] == list(GROUPS)
    assert all("permission denied" in one.reason for one in done.undone)


def test_every_table_says_what_becomes_of_its_rows() -> None:
    assert set(TABLES) == {entry.name for entry in expected_catalog() if entry.kind == "table"}


def test_again_changes_nothing(roled: Roled) -> None:
    assert check_roles(Settings.load(roled.url), MEMBERS) == ()
    assert set_roles(Settings.load(roled.url), MEMBERS)[1:] == ((), ())


def test_the_engine_may_run_every_statement(engine: Database, world: World) -> None:  # noqa: F811
    def holds(declaration: Declared[object]) -> None:
        statement = example(declaration, world)
        with suppress(InterruptedError), engine.transaction() as transaction:
            if declaration.name in FOR_THE_OWNER:
                with pytest.raises(Exception, match="permission denied"), transaction.transaction() as savepoint:
                    savepoint.run(statement)
            elif declaration.kind is Kind.COPY:
                transaction.copy_in([cast("Statement[None]", statement)])
            else:
                transaction.run(statement)
            raise InterruptedError  # and take it back

    each(STATEMENTS, holds)


def test_a_reader_may_run_every_query(reader: Database, world: World) -> None:  # noqa: F811
    each(
        [one for one in STATEMENTS if one.kind is Kind.QUERY],
        lambda query: reader.run(example(query, world)),
    )


def forbidden() -> Iterator[tuple[str, str]]:
    for table, writes in TABLES.items():
        for login in ("engine", "grafana"):
            yield login, f"DROP TABLE {table}"
            yield login, f"TRUNCATE {table}"
            yield login, f"ALTER TABLE {table} ADD COLUMN odd text"
            yield login, f"CREATE INDEX ON {table} ((1))"
            yield login, f"ALTER TABLE {table} DISABLE TRIGGER USER"
            if login == "grafana" or not writes.deletes:
                yield login, f"DELETE FROM {table}"
        yield "grafana", f"INSERT INTO {table} DEFAULT VALUES"
        if not writes.inserts:
            yield "engine", f"INSERT INTO {table} DEFAULT VALUES"
        for column in columns(table):
            if column not in writes.updates and not (column == "request_id" and writes.inserts):
                yield "engine", f'UPDATE {table} SET "{column}" = DEFAULT'
            yield "grafana", f'UPDATE {table} SET "{column}" = DEFAULT'
    for login in ("engine", "grafana"):
        yield login, "DROP VIEW recomputed_metrics"
        yield login, "DROP FUNCTION drawdown(numeric, numeric)"
        yield login, "ALTER TYPE severity ADD VALUE 'ODD'"
        yield login, "ALTER DOMAIN price DROP CONSTRAINT price_nonnegative"
        yield login, "CREATE TABLE odd ()"
        yield login, "CREATE TEMPORARY TABLE odd ()"
        yield login, "CREATE TEMPORARY SEQUENCE odd"
        yield login, "CREATE FUNCTION pg_temp.odd() RETURNS integer LANGUAGE sql AS 'SELECT 1'"
        yield login, "CREATE SCHEMA odd"
        yield login, "DROP SCHEMA public CASCADE"
        yield login, f"SET ROLE {OWNER}"
        yield login, f"GRANT {OWNER} TO {login}"
        yield login, "SET session_replication_role = replica"
        yield login, "SET SESSION AUTHORIZATION postgres"
        yield login, f"ALTER ROLE {login} SUPERUSER"
        yield login, "CREATE ROLE odd"
        yield login, "CREATE DATABASE odd"
        yield login, "CREATE EXTENSION file_fdw"
        yield login, "CREATE FUNCTION odd() RETURNS integer LANGUAGE sql AS 'SELECT 1'"
        yield login, "ALTER SYSTEM SET fsync = off"
        yield login, "COPY trades TO PROGRAM 'cat'"
        yield login, "COPY trades TO '/tmp/odd'"
        yield login, "SELECT pg_read_file('PG_VERSION')"
        yield login, "SELECT lo_import('/etc/passwd')"
        yield login, "SELECT lo_create(0)"
        yield login, "SELECT lo_creat(-1)"
        yield login, "SELECT lo_from_bytea(0, 'x')"
        yield login, "SELECT rolpassword FROM pg_authid"
        yield login, "SELECT pg_reload_conf()"
        yield login, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'"
    yield "grafana", f"SET ROLE {RUNTIME}"


def columns(table: str) -> list[str]:
    return [
        entry.name.removeprefix(f"{table}.")
        for entry in expected_catalog()
        if entry.kind == "column" and entry.name.startswith(f"{table}.") and "GENERATED" not in entry.definition
    ]


def test_what_is_forbidden_is_refused(roled: Roled) -> None:
    with roled.connect("engine") as engine, roled.connect("grafana") as grafana:
        # The setting is a second line: the grants are tried without it.
        grafana.execute("SET default_transaction_read_only = off")
        for login, statement in forbidden():
            connection = {"engine": engine, "grafana": grafana}[login]
            with pytest.raises((errors.InsufficientPrivilege, errors.DependentObjectsStillExist)) as caught:
                connection.execute(statement.encode())
            assert isinstance(caught.value, errors.InsufficientPrivilege), (login, statement)


HIDING: Final = (
    "purge_started_at = now(), ledger_entries = NULL, current_balance = 999999",
    "current_balance = 5",
    "ledger_entries = 1, current_balance = initial_balance",
    "end_time = now()",
    "request_id = gen_random_uuid()",
)


@pytest.mark.parametrize("change", HIDING)
def test_the_engine_can_neither_hide_a_session_nor_set_its_balance(
    roled: Roled,
    world: World,  # noqa: F811
    change: str,
) -> None:
    with roled.connect("engine") as engine, pytest.raises(errors.InsufficientPrivilege):
        engine.execute(f"UPDATE trading_sessions SET {change} WHERE id = {world.session_id}".encode())


def keyed() -> list[str]:
    return [table for table in TABLES if "request_id" in columns(table)]


@pytest.mark.parametrize("table", keyed())
def test_nobody_changes_a_request_id(roled: Roled, table: str) -> None:
    query = "SELECT tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = %s::regclass AND tgname = %s"
    with psycopg.connect(roled.url) as owner:
        trigger = owner.execute(query, [table, f"{table}_request_id_stays"]).fetchone()
        assert trigger is not None
        assert "BEFORE UPDATE OF request_id" in trigger[1]
        updated = f"UPDATE {table} SET request_id = gen_random_uuid() RETURNING 1"
        if owner.execute(f"SELECT FROM {table} LIMIT 1".encode()).fetchone():
            with pytest.raises(psycopg.Error) as caught:
                owner.execute(updated.encode())
            assert caught.value.sqlstate == "AT409"


def test_a_reader_records_nothing_by_a_command_that_runs_as_the_owner(roled: Roled, world: World) -> None:  # noqa: F811
    with roled.connect("grafana") as grafana:
        grafana.execute("SET default_transaction_read_only = off")
        for declaration in STATEMENTS:
            if declaration.kind is not Kind.COMMAND:
                continue
            statement = example(declaration, world)
            with pytest.raises(errors.InsufficientPrivilege):
                psycopg.RawCursor(grafana).execute(statement.sql.encode(), statement.server_values())


def test_whoever_calls_as_another_role_has_the_rights_of_that_one(roled: Roled, world: World) -> None:  # noqa: F811
    with psycopg.connect(roled.url) as owner:
        owner.execute("SET ROLE atb_reader")
        with pytest.raises(errors.InsufficientPrivilege):
            owner.execute("SELECT rebuild_metrics(%s)", [world.session_id])
        owner.rollback()
        owner.execute("SET ROLE atb_runtime")
        owner.execute("SELECT rebuild_metrics(%s)", [world.session_id])
        owner.rollback()


def test_no_lock_of_a_reader_holds_a_command_up(roled: Roled, world: World) -> None:  # noqa: F811
    """It takes every lock that it can: on the tables, and each advisory one that a running command shows it."""
    keys: set[tuple[int, int, int]] = set()
    commands = [one for one in STATEMENTS if one.kind is Kind.COMMAND]
    with roled.connect("grafana") as grafana, Database(roled.as_login("engine")) as engine:
        seen = "SELECT classid::bigint, objid::bigint, objsubid::integer FROM pg_locks WHERE locktype = 'advisory'"
        for declaration in commands:
            with suppress(InterruptedError), engine.transaction() as transaction:
                transaction.run(example(declaration, world))
                keys |= set(cast("list[tuple[int, int, int]]", grafana.execute(seen.encode()).fetchall()))
                raise InterruptedError
        for high, low, _ in keys:
            grafana.execute("SELECT pg_advisory_lock((%s::bigint << 32) | %s)", [high, low])
        grafana.execute("BEGIN")
        for table in TABLES:
            grafana.execute(f"LOCK TABLE {table} IN ACCESS SHARE MODE".encode())
        for declaration in commands:
            with suppress(InterruptedError), engine.transaction(timeout=5) as transaction:
                transaction.run(example(declaration, world))
                raise InterruptedError
        for mode in ("ROW SHARE", "SHARE UPDATE EXCLUSIVE", "EXCLUSIVE"):
            grafana.execute("ROLLBACK")
            grafana.execute("BEGIN READ WRITE")
            with pytest.raises(errors.InsufficientPrivilege):
                grafana.execute(f"LOCK TABLE deployment IN {mode} MODE".encode())


@pytest.mark.slow
def test_no_lock_of_a_reader_holds_an_operator_up(own: Roled) -> None:
    settings, deploy = Settings.load(own.url), Settings.load(own.as_login("deploy"))
    set_roles(settings, MEMBERS)
    migrate(deploy)
    with own.connect("grafana") as grafana:
        for key in (MIGRATIONS, COLLATIONS):
            grafana.execute("SELECT pg_advisory_lock(%s)", [key])
        assert status(settings).pending == ()
        assert State.RUNNING not in {one.state for one in status(settings).migrations}
        assert migrate(deploy, wait=0).applied == ()
        assert fix_collation(settings).undone == ()
        assert nuke(settings, Request(environment=Environment.PRODUCTION, name=own.name), backup_folder=None)
        with Backend.connect_to(deploy) as first, first.lock():
            with pytest.raises(LockHeld), Backend.connect_to(settings) as second, second.lock(0.2):
                pytest.fail("both hold the lock")
            grafana.execute("SELECT pg_advisory_unlock_all()")
            with pytest.raises(LockHeld), Backend.connect_to(settings) as second, second.lock(0.2):
                pytest.fail("both hold the lock")
            with pytest.raises(LockHeld, match="a migration is under way"):
                nuke(settings, Request(environment=Environment.PRODUCTION, name=own.name), backup_folder=None)


def owned_commands(connection: psycopg.Connection) -> list[tuple[str, list[str], str]]:
    query = (
        "SELECT proname::text, proconfig, prosrc FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    )
    return connection.execute(query).fetchall()


def test_what_runs_as_the_owner_asks_who_called_and_looks_names_up_safely(roled: Roled) -> None:
    with psycopg.connect(roled.url) as owner:
        found = owned_commands(owner)
    assert found
    for name, settings, source in found:
        assert settings == ["search_path=public, pg_temp"], name
        assert "permitted()" in source, name


def test_a_temporary_table_of_the_caller_takes_no_table_s_place(roled: Roled, world: World) -> None:  # noqa: F811
    with psycopg.connect(roled.url) as owner:
        owner.execute("CREATE TEMPORARY TABLE performance_metrics (LIKE public.performance_metrics)")
        owner.execute("GRANT ALL ON performance_metrics TO atb_owner, atb_runtime")
        owner.execute("SET ROLE atb_runtime")
        owner.execute("SELECT public.rebuild_metrics(%s)", [world.session_id])
        assert owner.execute("SELECT count(*) FROM pg_temp.performance_metrics").fetchone() == (0,)
        owner.rollback()


def test_the_owner_group_migrates(own: Roled) -> None:
    assert set_roles(Settings.load(own.url), MEMBERS).undone == ()
    with own.connect("deploy") as connection:
        connection.execute("ALTER TABLE trades ADD COLUMN later text")
        connection.execute("CREATE TABLE later (id integer)")
        connection.execute("CREATE SCHEMA later")
        connection.execute("TRUNCATE prediction_cache")
        row = connection.execute("SELECT tableowner::text FROM pg_tables WHERE tablename = 'later'").fetchone()
    assert row == (OWNER,)
    # What the owner makes, readers see without anybody's doing.
    with own.connect("grafana") as connection:
        assert connection.execute("SELECT id FROM later").fetchall() == []


def test_readers_have_a_statement_timeout(own: Roled) -> None:
    set_roles(Settings.load(own.url), MEMBERS)
    with own.connect("grafana") as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("30s",)
        with pytest.raises(errors.ReadOnlySqlTransaction):
            connection.execute("INSERT INTO deployment DEFAULT VALUES")
    with own.connect("engine") as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)


DRIFTS: Final = [
    ("GRANT DELETE ON trades TO atb_runtime", "grant", "atb_runtime on table trades"),
    ("GRANT UPDATE (pnl) ON trades TO atb_runtime", "grant", "atb_runtime on table trades.pnl"),
    ("GRANT SELECT ON orders TO PUBLIC", "grant", "PUBLIC on table orders"),
    ("REVOKE SELECT ON orders FROM atb_reader", "grant", "atb_reader on table orders"),
    ("GRANT INSERT ON orders TO atb_reader", "grant", "atb_reader on table orders"),
    ("REVOKE UPDATE (request_id) ON trades FROM atb_runtime", "grant", "atb_runtime on table trades.request_id"),
    ("GRANT CREATE ON SCHEMA public TO PUBLIC", "grant", "PUBLIC on schema public"),
    ("GRANT TEMPORARY ON DATABASE {database} TO PUBLIC", "grant", "PUBLIC on database {database}"),
    ("REVOKE EXECUTE ON FUNCTION drawdown FROM PUBLIC", "grant", "atb_reader on function drawdown(numeric,numeric)"),
    ("GRANT DELETE ON trades TO engine", "grant", "engine on table trades"),
    (
        "GRANT UPDATE (purge_started_at) ON trading_sessions TO atb_runtime",
        "grant",
        "atb_runtime on table trading_sessions.purge_started_at",
    ),
    ("GRANT UPDATE ON SEQUENCE trades_id_seq TO grafana", "grant", "grafana on sequence trades_id_seq"),
    ('GRANT SELECT ON reporting.trades TO "Some One"', "grant", '"Some One" on table reporting.trades'),
    ("GRANT EXECUTE ON FUNCTION lo_create TO PUBLIC", "grant", "PUBLIC on function lo_create(oid)"),
    ("GRANT EXECUTE ON FUNCTION lo_create TO atb_reader", "grant", "atb_reader on function lo_create(oid)"),
    ("GRANT EXECUTE ON FUNCTION lo_create TO grafana", "grant", "grafana on function lo_create(oid)"),
    ("GRANT CREATE ON SCHEMA public TO atb_runtime", "grant", "atb_runtime on schema public"),
    ('GRANT CREATE ON SCHEMA public TO "Some One"', "grant", '"Some One" on schema public'),
    ("GRANT CREATE ON SCHEMA reporting TO grafana", "grant", "grafana on schema reporting"),
    ("GRANT CREATE ON DATABASE {database} TO atb_reader", "grant", "atb_reader on database {database}"),
    ("GRANT TEMPORARY ON DATABASE {database} TO grafana", "grant", "grafana on database {database}"),
    (
        "ALTER DEFAULT PRIVILEGES FOR ROLE atb_owner IN SCHEMA public GRANT DELETE ON TABLES TO atb_runtime",
        "grant",
        "atb_runtime on future tables public",
    ),
    (
        'ALTER DEFAULT PRIVILEGES FOR ROLE atb_owner GRANT INSERT ON TABLES TO "Some One"',
        "grant",
        '"Some One" on future tables',
    ),
    ("GRANT SELECT ON trades TO atb_reader WITH GRANT OPTION", "grant", "atb_reader on table trades"),
    (
        "GRANT SELECT ON trades TO atb_reader WITH GRANT OPTION; SET ROLE atb_reader; GRANT SELECT ON trades TO PUBLIC",
        "grant",
        "PUBLIC on table trades",
    ),
    ("GRANT atb_reader TO grafana WITH ADMIN OPTION", "member", "grafana in atb_reader"),
    ("GRANT pg_signal_backend TO grafana", "member", "grafana in pg_signal_backend"),
    ("GRANT pg_read_server_files TO atb_runtime", "member", "atb_runtime in pg_read_server_files"),
    ("GRANT postgres TO engine", "member", "engine in postgres"),
    ("GRANT atb_owner TO engine", "member", "engine in atb_owner"),
    ("GRANT atb_runtime TO grafana", "member", "grafana in atb_runtime"),
    ("GRANT pg_write_all_data TO grafana", "member", "grafana in pg_write_all_data"),
    (
        'GRANT atb_owner TO "Some One"; GRANT "Some One" TO engine',
        "member",
        "engine in Some One, which is in atb_owner",
    ),
    ("ALTER TABLE trades OWNER TO postgres", "owner", "table trades"),
    ("ALTER ROLE atb_runtime CREATEDB", "role", "atb_runtime"),
    ("GRANT pg_write_all_data TO atb_reader", "member", "atb_reader in pg_write_all_data"),
    ("REVOKE atb_reader FROM grafana", "member", "grafana in atb_reader"),
    ("ALTER ROLE grafana IN DATABASE {database} RESET ALL", "setting", "statement_timeout of grafana"),
]


@pytest.fixture(scope="module")
def drifting(logins: None, server: Server) -> Roled:  # noqa: ARG001
    """A database in which each test repairs what it broke."""
    roled = Roled(server.create_database("drifting", template=TEMPLATE))
    assert set_roles(Settings.load(roled.url), MEMBERS).undone == ()
    return roled


FIRST: Final = {(drift.split()[0], what): drift for drift, what, _ in reversed(DRIFTS)}
"""One of each kind; the others take long and seldom fail alone."""


@pytest.mark.parametrize(
    ("drift", "what", "where"),
    [pytest.param(*one, marks=[] if one[0] in FIRST.values() else pytest.mark.slow) for one in DRIFTS],
    ids=[drift for drift, _, _ in DRIFTS],
)
def test_what_went_astray_is_named_and_mended(drifting: Roled, drift: str, what: str, where: str) -> None:
    settings, database = Settings.load(drifting.url), psycopg.conninfo.conninfo_to_dict(drifting.url)["dbname"]
    execute(drifting.url, drift.format(database=database))
    found = check_roles(settings, MEMBERS)
    if what in {"grant", "member"} and drift.startswith(("GRANT", "REVOKE UPDATE", "ALTER DEFAULT")):
        named = {(one.what, one.where) for one in verify(settings).findings if one.what in {"grant", "member"}}
        assert (what, where.format(database=database)) in named
    assert (what, where.format(database=database)) in {(one.what, one.where) for one in found}
    assert {one.what for one in found} == {what}
    assert set_roles(settings, MEMBERS).undone == ()
    assert check_roles(settings, MEMBERS) == ()


PARAMETERS: Final = [
    ("GRANT SET ON PARAMETER session_replication_role TO engine", "engine on parameter session_replication_role"),
    ("GRANT SET ON PARAMETER session_replication_role TO PUBLIC", "PUBLIC on parameter session_replication_role"),
    ("GRANT ALTER SYSTEM ON PARAMETER fsync TO atb_reader", "atb_reader on parameter fsync"),
]


def test_a_superuser_s_setting_is_nobody_s(drifting: Roled) -> None:
    with psycopg.connect(drifting.url, autocommit=True) as connection:
        if connection.info.server_version < 150000:
            pytest.skip("PostgreSQL 14 has no such grants")
        for grant, _ in PARAMETERS:
            connection.execute(grant.encode())
    settings = Settings.load(drifting.url)
    named = sorted((one.what, one.where) for one in verify(settings).findings)
    assert named == sorted(("grant", where) for _, where in PARAMETERS)
    assert set_roles(settings, MEMBERS).undone == ()
    assert check_roles(settings, MEMBERS) == ()


RAISED: Final = [
    *(
        (f"ALTER ROLE {login} {more}", f"ALTER ROLE {login} NO{more}", ("role", login, more))
        for login in ("engine", "grafana")
        for more in ("SUPERUSER", "CREATEROLE", "CREATEDB", "REPLICATION", "BYPASSRLS")
    ),
    (
        "ALTER DATABASE {database} OWNER TO engine",
        "ALTER DATABASE {database} OWNER TO postgres",
        ("owner", "database {database}", "engine"),
    ),
    (
        "ALTER TABLE trades OWNER TO engine",
        "ALTER TABLE trades OWNER TO atb_owner",
        ("owner", "table trades", "engine"),
    ),
    (
        'REVOKE atb_owner FROM "Some One"; ALTER FUNCTION permitted OWNER TO "Some One"; GRANT "Some One" TO grafana',
        'ALTER FUNCTION permitted OWNER TO atb_owner; REVOKE "Some One" FROM grafana',
        ("owner", "function permitted()", "Some One"),
    ),
]


def test_logins_that_are_more_are_named_all_at_once(drifting: Roled) -> None:
    settings = Settings.load(drifting.url)
    # A superuser owns everything.
    for alone in (False, True):
        raised = [one for one in RAISED if one[0].endswith(" SUPERUSER") is alone]
        try:
            execute(drifting.url, *(raising.format(database=drifting.name) for raising, _, _ in raised))
            named = {(one.what, one.where, one.actual) for one in verify(settings).findings if one.level is Level.ERROR}
            assert {tuple(part.format(database=drifting.name) for part in due) for *_, due in raised} - named == set()
            check_roles(settings, MEMBERS)
        finally:
            execute(drifting.url, *(back.format(database=drifting.name) for _, back, _ in raised))
    assert verify(settings).findings == ()


@pytest.mark.slow
@pytest.mark.parametrize(("raising", "back", "due"), RAISED, ids=[raising for raising, _, _ in RAISED])
def test_a_login_that_is_more_is_named(drifting: Roled, raising: str, back: str, due: tuple[str, str, str]) -> None:
    """By what the login is or owns, which only somebody can decide to take away."""
    settings = Settings.load(drifting.url)
    what, where, actual = (part.format(database=drifting.name) for part in due)
    try:
        execute(drifting.url, raising.format(database=drifting.name))
        found = {(one.what, one.where, one.actual): one for one in verify(settings).findings}
        assert (what, where, actual) in found
        assert found[what, where, actual].level is Level.ERROR
        check_roles(settings, MEMBERS)
    finally:
        execute(drifting.url, back.format(database=drifting.name))
    assert verify(settings).findings == ()


def test_nobody_is_advised_to_become_more(own: Roled) -> None:
    set_roles(Settings.load(own.url), MEMBERS)
    for login in ("engine", "grafana", "Some%20One"):
        assert check_roles(Settings.load(own.as_login(login)), Members()) == (), login
        assert set_roles(Settings.load(own.as_login(login)), Members()).undone == (), login


def test_a_login_s_name_is_never_sql(own: Roled) -> None:
    evil = 'x"; DROP TABLE trades; --'
    [undone] = set_roles(Settings.load(own.url), MEMBERS._replace(readers=("grafana", evil))).undone
    assert "does not exist" in undone.reason
    with own.connect("grafana") as connection:
        assert connection.execute("SELECT count(*) FROM trades").fetchone() == (0,)


def test_the_users_own_tables_are_left_alone(own: Roled) -> None:
    execute(own.url, "CREATE TABLE mine (id integer)", "GRANT ALL ON mine TO PUBLIC")
    set_roles(Settings.load(own.url), MEMBERS)
    with psycopg.connect(own.url) as connection:
        row = connection.execute(
            "SELECT relacl::text, relowner::regrole::text FROM pg_class WHERE relname = 'mine'"
        ).fetchone()
    assert row is not None
    assert "atb_" not in row[0]
    assert row[1] == "postgres"


def test_a_login_that_is_not_there_is_said(own: Roled) -> None:
    [undone] = set_roles(Settings.load(own.url), MEMBERS._replace(readers=("grafana", "nobody"))).undone
    assert undone.change.where == "nobody in atb_reader"
    assert "does not exist" in undone.reason
