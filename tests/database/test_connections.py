"""Connections that cannot be made, are lost, wait too long, or meet a server that is set up otherwise."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from math import nan
from threading import Barrier
from typing import cast

import psycopg
import pytest

from atb_db import AsyncDatabase, Database, Settings
from atb_db.embedded import Server
from atb_db.errors import AtbDbError, ConfigurationError, InvalidInput, OutcomeUnknown, Timeout, Unavailable
from atb_db.repository import account, dashboard, events, sessions
from atb_db.statement import Statement
from tests.database.conftest import Messages, note, wait_until_blocking


def settings(url: str, **changes: float) -> Settings:
    return Settings.load(url, environ={})._replace(**{"pool_max": 1, **changes})  # type: ignore[arg-type]


@pytest.fixture
def single(url: str) -> Iterator[Database]:
    """The shared database on a pool of one connection."""
    with Database(settings(url)) as database:
        yield database


def backend(database: Database) -> int:
    """Process id of the pool's only connection."""
    with database._pool.connection() as connection:
        return connection.info.backend_pid


def terminate(other: psycopg.Connection, pid: int) -> None:
    assert other.execute("SELECT pg_terminate_backend(%s, 10000)", [pid]).fetchone() == (True,)


# Losing the connection


def test_a_connection_killed_while_idle_is_not_noticed(
    single: Database, other: psycopg.Connection, session_id: int, messages: Messages
) -> None:
    read, statement = events.get_recent_events(session_id=session_id), note(session_id, "once")
    row = events.copy_events(
        session_id=session_id,
        event_type="TEST",
        message="load",
        timestamp=statement.args["timestamp"],  # type: ignore[arg-type]
    )

    def transaction() -> None:
        with single.transaction() as begun:
            begun.run(statement)

    attempts: list[Callable[[], object]] = [
        lambda: single.run(read),
        lambda: single.run(statement),
        lambda: single.run_many([cast("Statement[object]", read), statement]),
        lambda: single.copy_in([row]),
        transaction,
        single.ping,
    ]
    for attempt in attempts:
        terminate(other, backend(single))
        attempt()
    assert sorted(messages()) == ["load", "once"]


@contextmanager
def held(other: psycopg.Connection, session_id: int) -> Iterator[None]:
    """Somebody holds the session's row."""
    with other.transaction():
        other.execute("SELECT FROM trading_sessions WHERE id = %s FOR UPDATE", [session_id])
        yield


def test_a_connection_killed_in_flight_is_replaced(
    single: Database, other: psycopg.Connection, url: str, session_id: int
) -> None:
    statement = account.adjust_balance(session_id=session_id, delta=-10, reason="test")
    pid = backend(single)
    with ThreadPoolExecutor(1) as pool, held(other, session_id):
        waiting = pool.submit(single.run, statement)
        wait_until_blocking(url, other.info.backend_pid)
        with psycopg.connect(url, autocommit=True) as killer:
            terminate(killer, pid)
    assert waiting.result() == 990
    assert single.run(statement) == single.run(statement) == 990


def test_a_connection_lost_at_the_end_of_a_transaction(
    single: Database, other: psycopg.Connection, session_id: int, messages: Messages
) -> None:
    with pytest.raises(OutcomeUnknown), single.transaction() as transaction:  # noqa: PT012  a block
        transaction.run(note(session_id, "lost"))
        terminate(other, transaction._connection.info.backend_pid)
    assert messages() == []


def test_a_connection_lost_inside_a_transaction(
    single: Database, other: psycopg.Connection, session_id: int, messages: Messages
) -> None:
    with pytest.raises(Unavailable) as caught, single.transaction() as transaction:  # noqa: PT012  a block
        terminate(other, transaction._connection.info.backend_pid)
        transaction.run(note(session_id, "lost"))
    assert caught.value.statement == "events.log_event"
    assert messages() == []


# Waiting


@pytest.mark.parametrize("limit", ["lock_timeout", "statement_timeout"])
def test_a_wait_has_an_end(url: str, other: psycopg.Connection, session_id: int, limit: str) -> None:
    bounded = settings(url, **{"lock_timeout": 0, "statement_timeout": 0, limit: 0.5})
    with Database(bounded) as database, held(other, session_id):
        with pytest.raises(Timeout) as caught:
            database.run(account.adjust_balance(session_id=session_id, delta=1, reason="test"))
        assert caught.value.statement == "account.adjust_balance"
        assert not caught.value.retryable
        assert database.run(account.get_current_balance(session_id=session_id)) == 1000


def test_an_abandoned_transaction_ends(url: str, session_id: int, messages: Messages) -> None:
    with Database(settings(url, idle_timeout=0.05)) as database:
        with pytest.raises(AtbDbError), database.transaction() as transaction:  # noqa: PT012  a block
            transaction.run(note(session_id, "abandoned"))
            _read_until_closed(transaction._connection.pgconn.socket)
        database.run(note(session_id, "the next connection is fine"))
    assert messages() == ["the next connection is fine"]


def _read_until_closed(descriptor: int) -> None:
    """Wait until the server has said something; it has nothing to say but goodbye."""
    with socket.socket(fileno=socket.dup(descriptor)) as connection:
        connection.setblocking(True)
        assert connection.recv(1, socket.MSG_PEEK)


def test_sixteen_threads_share_four_connections(url: str, session_id: int, messages: Messages) -> None:
    barrier = Barrier(16)
    with Database(settings(url, pool_max=4)) as database, ThreadPoolExecutor(16) as pool:

        def work(number: int) -> None:
            barrier.wait()
            for _ in range(10):
                database.run(note(session_id, f"{number}"))
                with database.transaction() as transaction:
                    transaction.run(account.adjust_balance(session_id=session_id, delta=1, reason="test"))

        list(pool.map(work, range(16)))
        assert database.statistics().open <= 4
        assert database.statistics().limit == 4
        assert database.run(account.get_current_balance(session_id=session_id)) == 1160
    assert len(messages()) == 160


def test_no_connection_is_free(url: str, session_id: int) -> None:
    with Database(settings(url, pool_timeout=0.2)) as database:
        with database.transaction(), pytest.raises(Unavailable, match="no connection was to be had") as caught:
            database.run(account.get_current_balance(session_id=session_id))
        assert caught.value.retryable
        assert database.run(account.get_current_balance(session_id=session_id)) == 1000


def test_the_pool_tells_of_itself(single: Database) -> None:
    assert single.ping() > 0
    statistics = single.statistics()
    assert (statistics.open, statistics.idle, statistics.waiting, statistics.limit) == (1, 1, 0, 1)
    with single.transaction():
        assert single.statistics().idle == 0


# Connecting


def test_what_is_closed_is_not_reachable(url: str) -> None:
    with Database(settings(url)) as database:
        assert database.health().reachable
    health = database.health()
    assert not health.reachable
    assert health.reason == "the database is closed"


def test_a_timeout_that_is_no_number_is_refused(single: Database, session_id: int) -> None:
    read = account.get_current_balance(session_id=session_id)

    def block(open_block: Callable[[], AbstractContextManager[object]]) -> Callable[[], object]:
        return lambda: open_block().__enter__()

    calls: dict[str, Callable[[], object]] = {
        "run": lambda: single.run(read, timeout=nan),
        "run_many": lambda: single.run_many([read], timeout=nan),
        "run_batch": lambda: single.run_batch(dashboard.dashboard(session_id=session_id), timeout=nan),
        "retrying": lambda: single.retrying(lambda tx: tx.run(read), timeout=nan),
        "copy_in": lambda: single.copy_in([], timeout=nan),
        "frame": lambda: single.frame("reporting.trades", timeout=nan),
        "health": lambda: single.health(timeout=nan),
        "transaction": block(lambda: single.transaction(timeout=nan)),
        "stream": block(lambda: single.stream(events.get_recent_events(session_id=session_id), timeout=nan)),
    }
    for name, call in calls.items():
        with pytest.raises(InvalidInput, match="timeout: NaN"):
            pytest.fail(f"{name} took it: {call()!r}")
    assert single.run(read) == 1000


def test_nobody_listens(session_id: int) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"postgresql://bot:s3cret@127.0.0.1:{unused.getsockname()[1]}/books"
        with pytest.raises(Unavailable, match="refused") as caught:
            Database(settings(url)).run(account.get_current_balance(session_id=session_id), timeout=0.5)
    assert "s3cret" not in f"{caught.value} {caught.value!r}"


def test_nobody_answers() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"postgresql://bot:s3cret@127.0.0.1:{silent.getsockname()[1]}/books?connect_timeout=2"
        with pytest.raises(Unavailable, match="timeout") as caught:
            Database(settings(url)).open()
    assert "s3cret" not in f"{caught.value} {caught.value!r}"


def test_a_host_without_address() -> None:
    with pytest.raises(Unavailable, match=r"nowhere\.invalid"):
        Database(settings("postgresql://bot@nowhere.invalid/books")).open()


def test_a_database_that_does_not_exist(server: Server) -> None:
    with pytest.raises(Unavailable, match='database "no_such_books" does not exist'):
        Database(settings(server.url(database="no_such_books"))).open()


def test_it_opens_once_and_on_first_use(url: str, session_id: int) -> None:
    database = Database(settings(url))
    assert database.run(account.get_current_balance(session_id=session_id)) == 1000
    assert database.open() is database.open()
    assert database.open().database == "atb"
    database.close()
    with pytest.raises(AtbDbError, match="the database is closed") as closed:
        database.run(account.get_current_balance(session_id=session_id))
    assert not closed.value.retryable


def test_a_database_that_is_not_in_utf_8(server: Server) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    with pytest.raises(ConfigurationError, match="the database ascii is encoded in SQL_ASCII; UTF8 is needed"):
        Database(settings(server.url(database="ascii"))).open()


# Another set-up


def test_times_are_utc_whatever_the_server_s_zone(fresh_url: str) -> None:
    with psycopg.connect(fresh_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {connection.info.dbname} SET timezone = 'Asia/Kathmandu'".encode())
    with Database(fresh_url) as database:
        session_id = database.run(
            sessions.create_trading_session(
                strategy_name="zone", symbol="X", timeframe="1h", mode="PAPER", initial_balance=1
            )
        )
        statement = note(session_id, "now")
        database.run(statement)
        found = database.run(events.get_recent_events(session_id=session_id))[0]
    assert found.timestamp == statement.args["timestamp"]
    assert found.timestamp.tzname() == "UTC"


@pytest.mark.parametrize(
    ("setting", "theirs", "ours"),
    [
        ("timezone", "Asia/Kathmandu", "UTC"),
        ("datestyle", "German, DMY", "ISO, MDY"),
        ("default_transaction_isolation", "serializable", "read committed"),
        ("client_encoding", "LATIN1", "UTF8"),
    ],
)
def test_what_the_statements_rely_on_is_set(fresh_url: str, setting: str, theirs: str, ours: str) -> None:
    with psycopg.connect(fresh_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {connection.info.dbname} SET {setting} = '{theirs}'".encode())
    with Database(fresh_url) as database, database._pool.connection() as connection:
        assert connection.execute(f"SHOW {setting}".encode()).fetchone() == (ours,)


def test_variables_of_libpq_change_nothing_that_the_statements_rely_on(
    url: str, session_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGTZ", "Asia/Kathmandu")
    monkeypatch.setenv("PGDATESTYLE", "German, DMY")
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    monkeypatch.setenv("PGOPTIONS", "-c work_mem=7MB -c search_path=pg_catalog -c statement_timeout=1")
    statement = note(session_id, "Καφές")
    names = ("timezone", "datestyle", "client_encoding", "work_mem", "search_path", "statement_timeout")

    async def tasks() -> list[object]:
        async with AsyncDatabase(settings(url)) as db:
            await db.run(statement)
            async with db._pool.connection() as connection:
                return [(await (await connection.execute(f"SHOW {name}".encode())).fetchone()) for name in names]

    with Database(settings(url)) as db, db._pool.connection() as connection:
        shown = [connection.execute(f"SHOW {name}".encode()).fetchone() for name in names]
    assert shown == [("UTC",), ("ISO, DMY",), ("UTF8",), ("7MB",), ("public",), ("30s",)]
    assert asyncio.run(tasks()) == shown
    with Database(settings(url)) as db:
        [event] = db.run(events.get_recent_events(session_id=session_id, limit=1))
    assert (event.message, event.timestamp) == ("Καφές", statement.args["timestamp"])


def test_a_peer_that_is_gone_is_noticed_by_either_side(url: str) -> None:
    with Database(url) as db, db._pool.connection() as connection:
        parts = connection.info.get_parameters()
        assert connection.execute("SHOW client_connection_check_interval").fetchone() == ("500ms",)
    wanted = {"keepalives_idle": "5", "keepalives_interval": "2", "keepalives_count": "3", "tcp_user_timeout": "10000"}
    assert {name: parts[name] for name in wanted} == wanted


def test_other_settings_of_the_caller_s_url_are_kept(url: str) -> None:
    with (
        Database(settings(f"{url}?options=-c%20work_mem%3D7MB%20-c%20timezone%3DAsia/Tokyo")) as database,
        database._pool.connection() as connection,
    ):
        shown = [connection.execute(f"SHOW {name}".encode()).fetchone() for name in ("work_mem", "timezone")]
    assert shown == [("7MB",), ("UTC",)]


def test_names_mean_ours_whatever_the_role_s_search_path(fresh_url: str) -> None:
    with psycopg.connect(fresh_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA elsewhere CREATE TABLE trading_sessions (id bigint)")
        connection.execute(f"ALTER DATABASE {connection.info.dbname} SET search_path = elsewhere".encode())
    with Database(settings(fresh_url)) as database:
        assert database.run(sessions.get_active_sessions()) == []
