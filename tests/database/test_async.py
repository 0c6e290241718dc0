"""AsyncDatabase does what Database does."""

# ruff: noqa: PT012  what is tested is a block

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from time import monotonic, sleep

import psycopg
import pytest

from atb_db import AsyncDatabase, Settings
from atb_db.embedded import Server
from atb_db.errors import (
    AtbDbError,
    ConfigurationError,
    IdempotencyConflict,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    StatementError,
    Timeout,
    TransactionAborted,
    Unavailable,
)
from atb_db.repository import account, events, positions
from atb_db.statement import Statement
from tests.database.conftest import Messages, note, wait_until_blocking

UNKNOWN = 10**12
Work = Callable[[AsyncDatabase], Awaitable[None]]


@asynccontextmanager
async def database(url: str, **changes: float) -> AsyncIterator[AsyncDatabase]:
    settings = Settings.load(url, environ={})._replace(**{"pool_max": 4, **changes})  # type: ignore[arg-type]
    async with AsyncDatabase(settings) as opened:
        yield opened


def row(session_id: int, message: str) -> Statement[None]:
    return events.copy_events(
        session_id=session_id, event_type="TEST", message=message, timestamp=datetime(2024, 1, 1, tzinfo=UTC)
    )


def test_run_and_run_many(url: str, session_id: int, messages: Messages) -> None:
    async def work() -> None:
        async with database(url) as db:
            assert await db.run(account.get_current_balance(session_id=session_id)) == 1000
            assert len(set(await db.run_many([note(session_id, "one"), note(session_id, "two")]))) == 2
            with pytest.raises(NotFound) as caught:
                await db.run_many([note(session_id, "undone"), account.get_current_balance(session_id=UNKNOWN)])
            assert caught.value.statement == "account.get_current_balance"
            with pytest.raises(StatementError):
                await db.run(row(session_id, "a row"))
            assert await db.ping() > 0
            assert db.statistics().limit == 4

    asyncio.run(work())
    assert messages() == ["one", "two"]


def test_transactions(url: str, session_id: int, messages: Messages) -> None:
    async def work() -> None:
        async with database(url) as db:
            async with db.transaction() as transaction:
                await transaction.run(note(session_id, "one"))
                with pytest.raises(NotFound):
                    async with transaction.transaction() as inner:
                        await inner.run(note(session_id, "undone"))
                        await inner.run(positions.update_position(position_id=UNKNOWN, stop_loss=1))
                await transaction.run_many([note(session_id, "two")])
                await transaction.copy_in([row(session_id, "zero")])
                async with transaction.stream(events.get_recent_events(session_id=session_id)) as rows:
                    assert len([found async for found in rows]) == 4
                async with transaction.stream(events.get_recent_events(session_id=session_id)) as rows:
                    await anext(rows)
                await transaction.run(note(session_id, "three"))
            with pytest.raises(ZeroDivisionError):
                async with db.transaction() as transaction:
                    await transaction.run(note(session_id, "undone"))
                    1 / 0  # noqa: B018
            with pytest.raises(TransactionAborted):
                async with db.transaction() as transaction:
                    await transaction.run(note(session_id, "undone"))
                    with pytest.raises(NotFound):
                        await transaction.run(positions.update_position(position_id=UNKNOWN, stop_loss=1))

    asyncio.run(work())
    assert sorted(messages()) == ["one", "three", "two", "zero"]


def test_bulk_loads(url: str, session_id: int, messages: Messages) -> None:
    async def work() -> None:
        async with database(url) as db:
            rows = [row(session_id, f"{number}") for number in range(3)]
            assert await db.copy_in(rows) == 3
            assert await db.copy_in([]) == 0
            with pytest.raises(IdempotencyConflict):
                await db.copy_in([row(session_id, "again"), *rows])
            with pytest.raises(InvalidInput) as caught:
                await db.copy_in([row(session_id, "good"), row(session_id, "")])
            assert (caught.value.statement, caught.value.field) == ("events.copy_events", "message")

    asyncio.run(work())
    assert sorted(messages()) == ["0", "1", "2"]


def test_streams(url: str, session_id: int) -> None:
    recent = events.get_recent_events(session_id=session_id, limit=10**6)

    async def work() -> None:
        async with database(url, pool_max=1) as db:
            await db.run_many([note(session_id, f"{number}" * 100) for number in range(2500)])
            async with db.stream(recent) as rows:
                streamed = [found async for found in rows]
            assert streamed == await db.run(recent)
            async with db.stream(recent) as rows:
                await anext(rows)
            with pytest.raises(ZeroDivisionError):
                async with db.stream(recent) as rows:
                    await anext(rows)
                    1 / 0  # noqa: B018
            with pytest.raises(NotFound):
                async with db.stream(events.get_recent_events(session_id=UNKNOWN)) as rows:
                    await anext(rows)
            assert len(await db.run(recent)) == 2501
            assert db.statistics().open == 1

    asyncio.run(work())


def test_joined_rows_in_a_stream(url: str, session_id: int) -> None:
    async def work() -> None:
        async with database(url) as db:
            for symbol in ("A", "B"):
                await db.run(
                    positions.open_position(
                        session_id=session_id,
                        symbol=symbol,
                        side="LONG",
                        entry_price=1,
                        size=1,
                        quantity=1,
                        strategy_name="test",
                        entry_order_id=symbol,
                    )
                )
            active = positions.get_active_positions(session_id=session_id)
            async with db.stream(active) as rows:
                assert [found async for found in rows] == await db.run(active)

    asyncio.run(work())


def test_many_tasks_share_four_connections(url: str, session_id: int) -> None:
    adjust = [account.adjust_balance(session_id=session_id, delta=1, reason="test") for _ in range(60)]

    async def work() -> None:
        async with database(url) as db:
            await asyncio.gather(*(db.run(statement) for statement in adjust * 2))
            assert db.statistics().open <= 4
            assert await db.run(account.get_current_balance(session_id=session_id)) == 1060

    asyncio.run(work())


def test_a_cancelled_task_leaves_a_healthy_pool(url: str, other: psycopg.Connection, session_id: int) -> None:
    adjust = account.adjust_balance(session_id=session_id, delta=1, reason="test")

    async def work() -> None:
        async with database(url, pool_max=1) as db:
            with other.transaction():
                other.execute("SELECT FROM trading_sessions WHERE id = %s FOR UPDATE", [session_id])
                task = asyncio.create_task(db.run(adjust))
                await asyncio.to_thread(wait_until_blocking, url, other.info.backend_pid)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            assert await db.run(adjust) == 1001

    asyncio.run(work())


def test_nothing_else_runs_on_the_connection_of_a_stream(url: str, session_id: int) -> None:
    query = events.get_recent_events(session_id=session_id, limit=10)

    async def work() -> None:
        async with database(url) as db, db.transaction() as transaction:
            async with transaction.stream(query) as rows:
                await anext(rows)
                with pytest.raises(StatementError, match=r"rows of events\.get_recent_events are streamed"):
                    await transaction.run(query)
            async with transaction._connection.lock:
                with pytest.raises(Timeout):
                    await transaction.run(query, timeout=0.1)
            assert await asyncio.gather(transaction.run(query), transaction.run(query))

    asyncio.run(work())


def test_a_lost_connection(url: str, other: psycopg.Connection, session_id: int, messages: Messages) -> None:
    async def work() -> None:
        async with database(url, pool_max=1) as db:
            for use in (lambda: db.run(account.get_current_balance(session_id=session_id)), db.ping):
                async with db._pool.connection() as connection:
                    pid = connection.info.backend_pid
                other.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
                assert await use()
            with pytest.raises(OutcomeUnknown):
                async with db.transaction() as transaction:
                    await transaction.run(note(session_id, "lost"))
                    pid = transaction._connection.info.backend_pid
                    other.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
            await db.run(note(session_id, "fine"))

    asyncio.run(work())
    assert messages() == ["fine"]


def test_no_connection_is_free(url: str, session_id: int) -> None:
    async def work() -> None:
        async with database(url, pool_max=1, pool_timeout=0.2) as db, db.transaction():
            with pytest.raises(Unavailable, match="no connection was to be had"):
                await db.run(note(session_id, "waits"))

    asyncio.run(work())


def test_servers_that_are_refused(server: Server) -> None:
    async def work() -> None:
        with pytest.raises(Unavailable, match='database "no_such_books" does not exist'):
            await AsyncDatabase(server.url(database="no_such_books")).open()
        with pytest.raises(ConfigurationError, match="DATABASE_URL is not set"):
            AsyncDatabase.from_env("")

    asyncio.run(work())


def test_one_event_loop_after_the_other(url: str, other: psycopg.Connection, session_id: int) -> None:
    """As with asyncio.run(work()) and then asyncio.run(db.close()): what a loop left behind is no longer waited for."""
    read = account.get_current_balance(session_id=session_id)
    settings = Settings.load(url, application_name="loops", environ={})._replace(pool_min=1, pool_max=1)
    db = AsyncDatabase(settings)

    async def work() -> None:
        assert await asyncio.gather(*[db.run(read) for _ in range(8)]) == [1000] * 8
        while db.statistics().idle < 1:  # noqa: ASYNC110  nothing says when
            # Python 3.11 can lose the cancellation of a task that is just connecting, and wait for it for ever.
            await asyncio.sleep(0.01)

    for _ in range(5):
        asyncio.run(work())
    asyncio.run(db.close())
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'loops%'"
    until = monotonic() + 10
    while other.execute(count).fetchone() != (0,):
        assert monotonic() < until, "connections are still open"
        sleep(0.01)
    with pytest.raises(AtbDbError, match="the database is closed"):
        asyncio.run(db.run(read))
    assert not asyncio.run(db.health()).reachable


def test_two_event_loops_at_once_are_refused(url: str, session_id: int) -> None:
    read = account.get_current_balance(session_id=session_id)

    async def work() -> None:
        async with database(url) as db:
            assert await db.run(read) == 1000
            with pytest.raises(AtbDbError, match="in use in another event loop"):
                await asyncio.to_thread(asyncio.run, db.run(read))
            assert await db.run(read) == 1000

    asyncio.run(work())
