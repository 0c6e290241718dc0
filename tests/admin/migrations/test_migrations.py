import threading
from collections.abc import Callable

import psycopg
import pytest

from atb_db.admin.connection import reading
from atb_db.admin.errors import LockHeld, Refused
from atb_db.admin.migrations import (
    Migrated,
    known_migrations,
    migrate,
    migrations_folder,
    pending,
    rollback,
    rollback_plan,
    status,
)
from atb_db.admin.migrations.yoyo_backend import Backend
from atb_db.admin.schema.catalog import Catalog, expected_catalog, read_catalog
from atb_db.config import Settings
from atb_db.embedded import Server
from atb_db.errors import AtbDbError, SchemaMismatch, Unavailable
from tests.admin.conftest import Write

EVERY = tuple(known_migrations())


def catalog(url: str) -> Catalog:
    with reading(Settings.load(url)) as (connection, _):
        return read_catalog(connection)


def value(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row and row[0]


def test_migrating_an_empty_database_makes_the_schema(empty_url: str) -> None:
    done = migrate(Settings.load(empty_url))
    assert done[:2] == (EVERY, ())
    assert {"view reporting.trades", "function book_trade", "trigger orders.orders_forward_only"} <= {*done.code}
    assert catalog(empty_url) == expected_catalog()


def test_migrating_twice_changes_nothing(migrated_url: str) -> None:
    settings = Settings.load(migrated_url)
    before = status(settings)
    assert migrate(settings) == Migrated((), ())
    assert status(settings) == before
    assert [migration.id for migration in before.applied] == list(EVERY)
    assert (before.pending, before.unknown) == ((), ())


def test_odd_names_sockets_and_several_hosts_are_no_trouble(server: Server) -> None:
    name = 'odd "name" #1 / %'
    server.create_database(name, template="template0")
    conninfo = psycopg.conninfo.make_conninfo(
        host=f"{server.socket_dir},127.0.0.1", port=str(server.port), user="postgres", dbname=name, password="p@ss/#?'"
    )
    with psycopg.connect(conninfo) as connection:
        connection.execute("CREATE TABLE guests (id integer)")  # of somebody else: it does not matter
    settings = Settings.load(conninfo)
    assert migrate(settings).applied == EVERY
    assert status(settings).server.database == name


@pytest.mark.parametrize("racers", [pytest.param(2, marks=pytest.mark.slow), pytest.param(4, marks=pytest.mark.slow)])
def test_several_at_once_all_succeed_and_each_is_applied_once(empty_url: str, racers: int) -> None:
    done: list[Migrated] = []
    threads = [threading.Thread(target=lambda: done.append(migrate(Settings.load(empty_url)))) for _ in range(racers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.applied for one in done) == [()] * (racers - 1) + [EVERY]
    assert value(empty_url, "SELECT count(*) FROM _yoyo_log") == len(EVERY)


def test_waiting_for_the_lock_is_bounded(empty_url: str, write: Write) -> None:
    settings, release = Settings.load(empty_url), write(m0001_good="CREATE TABLE one (id integer);")
    with Backend.connect_to(settings) as holder, holder.lock(), pytest.raises(LockHeld, match=r"waited 0\.2 s"):
        migrate(settings, wait=0.2, release=release)
    assert migrate(settings, wait=5, release=release).applied == ("0001-good",)


def test_a_database_made_from_the_schema_is_adopted(fresh_url: str) -> None:
    settings = Settings.load(fresh_url)
    assert pending(settings) == EVERY
    assert migrate(settings) == Migrated((), adopted=EVERY)
    assert pending(settings) == ()
    assert catalog(fresh_url) == expected_catalog()


def test_tables_of_unknown_origin_are_refused(fresh_url: str) -> None:
    with psycopg.connect(fresh_url) as connection:
        connection.execute("ALTER TABLE trades DROP COLUMN mfe_price")
    with pytest.raises(Refused, match=r"column trades\.mfe_price"):
        migrate(Settings.load(fresh_url))
    assert pending(Settings.load(fresh_url)) == EVERY


def test_rolling_back_leaves_nothing(migrated_url: str) -> None:
    settings = Settings.load(migrated_url)
    plan = rollback_plan(settings, steps=len(EVERY))
    assert "view reporting.trades" in plan[-1].code
    assert rollback(settings, plan) == EVERY[::-1]
    assert catalog(migrated_url) == ()
    assert migrate(settings).applied == EVERY
    assert catalog(migrated_url) == expected_catalog()


@pytest.mark.parametrize("name", known_migrations())
def test_every_migration_has_a_rollback(name: str) -> None:
    assert (migrations_folder() / f"{name}.rollback.sql").is_file()


def test_a_migration_that_fails_leaves_nothing_of_itself(empty_url: str, write: Write) -> None:
    settings = Settings.load(empty_url)
    release = write(
        m0001_good="CREATE TABLE one (id integer);", m0002_bad="CREATE TABLE two (id integer); CREATE TABLE one ();"
    )
    with pytest.raises(SchemaMismatch, match='migration 0002-bad: relation "one" already exists') as raised:
        migrate(settings, release=release)
    assert raised.value.statement == "migration 0002-bad"
    assert " (0002-bad.sql, line 1: CREATE TABLE one ())" in str(raised.value)
    assert [entry.name for entry in catalog(empty_url) if entry.kind == "table"] == ["one"]
    assert pending(settings, release=release) == ("0002-bad",)
    assert migrate(settings, release=write(m0002_bad="CREATE TABLE two (id integer);")).applied == ("0002-bad",)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (
            "-- What it is for.\nCREATE TABLE two ();\n\nSELECT 1,\n  nothing\nFROM two;",
            "line 5: SELECT 1, nothing FROM two",
        ),
        ("SELECT 1;\nDO $$ BEGIN\n  RAISE 'no; not so';\nEND $$", r"line 2: DO \$\$ BEGIN RAISE 'no; not so'; END"),
        ("CREATE TABLE two ();\nCREATE RULE r AS ON INSERT TO two DO (SELECT 1;\nSELECT x);", "line 3: CREATE RULE r"),
        (f"SELECT '{'x' * 99}'::integer", "line 1: SELECT 'x{72}…"),
        ("-- transactional: false\n\nDROP INDEX CONCURRENTLY nothing;", "line 3: DROP INDEX CONCURRENTLY nothing"),
    ],
)
def test_a_failure_names_line_and_statement(empty_url: str, write: Write, text: str, place: str) -> None:
    settings = Settings.load(empty_url)
    with pytest.raises(AtbDbError, match=rf"migration 0001-bad: .*\(0001-bad\.sql, {place}.*\)"):
        migrate(settings, release=write(m0001_bad=text))
    good = write(m0001_bad="CREATE TABLE one ();", r0001_bad="SELECT 1;\nDROP TABLE\n  nothing;")
    if "transactional" not in text:
        migrate(settings, release=good)
        with pytest.raises(AtbDbError, match=r"\(0001-bad\.rollback\.sql, line 2: DROP TABLE nothing\)"):
            rollback(settings, rollback_plan(settings, release=good), release=good)


def test_what_is_recorded_and_what_is_applied_are_one_transaction(
    empty_url: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.load(empty_url)
    release = write(m0001_good="CREATE TABLE one (id integer);")
    with monkeypatch.context() as dying:
        dying.setattr(Backend, "mark_one", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            migrate(settings, release=release)
    assert catalog(empty_url) == ()
    assert migrate(settings, release=release).applied == ("0001-good",)


def test_an_index_can_be_built_concurrently_while_another_waits(empty_url: str, write: Write) -> None:
    settings = Settings.load(empty_url)
    release = write(
        m0001_table="CREATE TABLE one (id integer);",
        m0002_index="-- transactional: false\nCREATE INDEX CONCURRENTLY one_id_idx ON one (id);",
    )
    done: list[Migrated] = []
    threads = [threading.Thread(target=lambda: done.append(migrate(settings, release=release))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.applied for one in done) == [(), (), ("0001-table", "0002-index")]
    assert value(empty_url, "SELECT count(*) FROM pg_indexes WHERE indexname = 'one_id_idx'") == 1


def test_a_migration_may_run_longer_than_a_statement(empty_url: str, write: Write) -> None:
    release = write(m0001_slow="CREATE TABLE one AS SELECT pg_sleep(0.3)::text;")
    assert migrate(Settings.load(empty_url)._replace(statement_timeout=0.1), release=release).applied == ("0001-slow",)


def test_a_user_without_a_name_can_migrate(empty_url: str, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr("getpass.getuser", nameless)
    release = write(m0001_good="CREATE TABLE one (id integer);")
    assert migrate(Settings.load(empty_url), release=release).applied == ("0001-good",)
    assert value(empty_url, "SELECT username FROM _yoyo_log LIMIT 1") == "postgres"


def test_asking_writes_nothing(empty_url: str) -> None:
    settings = Settings.load(empty_url)
    assert pending(settings) == EVERY
    assert status(settings).applied == ()
    assert value(empty_url, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == 0


def test_a_role_that_may_only_read_can_ask_and_cannot_migrate(server: Server, empty_url: str, write: Write) -> None:
    release = write(m0001_good="CREATE TABLE one (id integer);")
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE asker LOGIN IN ROLE pg_read_all_data")
    # In PostgreSQL 14 everybody may create tables in public.
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    asker = Settings.load(empty_url.replace("postgres@", "asker@"))
    assert pending(asker, release=release) == ("0001-good",)
    with pytest.raises(Refused, match="GRANT CREATE ON SCHEMA public TO asker;"):
        migrate(asker, release=release)
    migrate(Settings.load(empty_url), release=release)
    assert pending(asker, release=release) == ()
    assert migrate(asker, release=release) == Migrated((), ())


@pytest.mark.parametrize("command", [migrate, status])
def test_an_unreachable_server_is_unavailable(command: Callable[[Settings], object]) -> None:
    with pytest.raises(Unavailable):
        command(Settings.load("postgresql://postgres:secret@127.0.0.1:1/atb"))


def test_a_server_in_another_encoding_is_refused(server: Server) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(AtbDbError, match="UTF8 is needed"):
        migrate(Settings.load(server.url(database="latin")))
