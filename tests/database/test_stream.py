"""Streams: rows as they arrive, and a healthy connection however the stream ends."""

# ruff: noqa: PT012  what is tested is a block

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from itertools import islice
from math import inf
from time import monotonic, sleep

import psycopg
import pytest

from atb_db import AsyncDatabase, Database, Settings
from atb_db.embedded import Server
from atb_db.errors import NotFound, StatementError, Timeout, Unavailable
from atb_db.repository import events, positions, sessions
from atb_db.statement import Statement
from tests.faults.proxy import proxied

ROWS = 20_000
AT_ONCE = 4.0
"""Seconds, on a busy machine; who waits does so for 5 or 30."""


class Large:
    """A session with more events than a socket's buffers hold."""

    def __init__(self, url: str, db: Database) -> None:
        self.db = db
        self.session_id = db.run(
            sessions.create_trading_session(
                strategy_name="large", symbol="X", timeframe="1h", mode="PAPER", initial_balance=1
            )
        )
        with psycopg.connect(url) as connection:
            connection.execute(
                "INSERT INTO system_events (session_id, timestamp, event_type, severity, message)"
                " SELECT %s, now() - i * interval '1 second', 'TEST', 'INFO', repeat('x', 1000) || i"
                " FROM generate_series(1, %s) AS i",
                [self.session_id, ROWS],
            )

    def events(self) -> Statement[list[events.SystemEvent]]:
        return events.get_recent_events(session_id=self.session_id, limit=10**6)


@pytest.fixture(scope="module")
def large(server: Server) -> Iterator[Large]:
    url = server.create_database("large", template="atb_template")
    with Database(Settings.load(url, environ={})._replace(pool_max=1)) as db:
        yield Large(url, db)


def test_every_row_comes_once_and_in_order(large: Large) -> None:
    with large.db.stream(large.events()) as rows:
        streamed = list(rows)
    assert streamed == large.db.run(large.events())
    assert len(streamed) == ROWS + 1


def test_the_server_waits_for_the_reader(large: Large, server: Server) -> None:
    """So that neither side holds the whole result."""
    with (
        psycopg.connect(server.url(database="large"), autocommit=True) as other,
        large.db.stream(large.events()) as rows,
    ):
        next(rows)
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'ClientWrite' AND query LIKE %s"
        until = monotonic() + 60
        while other.execute(waiting, ["%system_events%"]).fetchone() != (1,):
            assert monotonic() < until, "the server sent everything before it was read"
            sleep(0.01)
        assert sum(1 for _ in rows) == ROWS


def test_leaving_early_leaves_a_healthy_connection(large: Large) -> None:
    for read in (0, 1, 1001):
        with large.db.stream(large.events()) as rows:
            assert len(list(islice(rows, read))) == read
        assert large.db.statistics().open == 1
    assert large.db.run(sessions.get_trading_session(session_id=large.session_id)).is_active


def test_an_error_of_the_reader_is_its_own(large: Large) -> None:
    with pytest.raises(ZeroDivisionError), large.db.stream(large.events()) as rows:
        next(rows)
        1 / 0  # noqa: B018
    assert len(large.db.run(events.get_recent_events(session_id=large.session_id, limit=1))) == 1


def test_leaving_early_inside_a_transaction_keeps_the_transaction(large: Large) -> None:
    note = events.log_event(session_id=large.session_id, event_type="TEST", message="kept")
    with large.db.transaction() as transaction:
        written = transaction.run(note)
        with transaction.stream(large.events()) as rows:
            next(rows)
        assert transaction.run(note) == written
    assert large.db.run(note) == written


def test_nothing_else_runs_on_the_connection_of_a_stream(large: Large) -> None:
    note = events.log_event(session_id=large.session_id, event_type="TEST", message="refused")
    began = monotonic()
    with large.db.transaction() as transaction:
        with transaction.stream(large.events()) as rows:
            next(rows)
            for use in (
                lambda: transaction.run(note),
                lambda: transaction.run_many([note]),
                lambda: transaction.copy_in([]),
                lambda: transaction.stream(large.events()).__enter__(),
                lambda: transaction.transaction().__enter__(),
            ):
                with pytest.raises(StatementError, match=r"rows of events\.get_recent_events are streamed"):
                    use()
        transaction.run(note)
    assert monotonic() - began < AT_ONCE


@pytest.mark.parametrize("error", [None, ValueError])
def test_a_transaction_does_not_wait_for_a_stream_that_is_left_open(
    large: Large, error: type[Exception] | None
) -> None:
    began = monotonic()
    with (
        suppress(Unavailable),  # what leaving the stream says
        ExitStack() as stack,
        pytest.raises(error or StatementError),
        large.db.transaction() as transaction,
    ):
        next(stack.enter_context(transaction.stream(large.events())))
        if error is not None:
            raise error
    assert monotonic() - began < AT_ONCE
    assert large.db.ping() < AT_ONCE


def test_no_turn_is_waited_for_longer_than_the_call_may_take(large: Large) -> None:
    note = events.log_event(session_id=large.session_id, event_type="TEST", message="late")
    with large.db.transaction() as transaction:
        connection = transaction._connection
        began = monotonic()
        with connection.lock, pytest.raises(Timeout):
            transaction.run(note, timeout=0.2)
        assert 0.2 <= monotonic() - began < AT_ONCE
        transaction.run(note)


@pytest.mark.slow
def test_streams_and_loads_live_as_long_as_their_reader(large: Large) -> None:
    settings = large.db.settings._replace(idle_timeout=0.5)
    when = datetime(2026, 1, 1, tzinfo=UTC)

    def slowly(number: int) -> Iterator[Statement[None]]:
        for _ in range(number):
            sleep(0.8)
            yield events.copy_events(session_id=large.session_id, event_type="TEST", message="slow", timestamp=when)

    with Database(settings) as db:
        with db.stream(events.get_recent_events(session_id=large.session_id, limit=3)) as rows:
            next(rows)
            sleep(0.8)
            assert len(list(rows)) == 2
        assert db.copy_in(slowly(2)) == 2
        assert db.copy_in(slowly(0)) == 0
        with db.transaction() as transaction:
            assert transaction.copy_in(slowly(1)) == 1
            limit = transaction._connection.execute("SHOW idle_in_transaction_session_timeout").fetchone()
            assert limit == ("500ms",)


def leave_in_threads(large: Large, settings: Settings, act: Callable[[], object]) -> None:
    with Database(settings) as db, db.stream(large.events()) as rows:
        next(rows)
        act()


def leave_in_tasks(large: Large, settings: Settings, act: Callable[[], object]) -> None:
    async def work() -> None:
        async with AsyncDatabase(settings) as db, db.stream(large.events()) as rows:
            await anext(rows)
            act()

    asyncio.run(work())


@pytest.mark.parametrize("leave", [leave_in_threads, leave_in_tasks])
def test_a_server_that_says_nothing_any_more_is_left_in_the_time_of_one_answer(
    large: Large, server: Server, leave: Callable[[Large, Settings, Callable[[], object]], None]
) -> None:
    with proxied(server.url(database="large")) as proxy:
        settings = Settings.load(proxy.url, environ={}, query_deadline=1.0)
        began = inf

        def fall_silent() -> None:
            nonlocal began
            proxy.swallow()
            began = monotonic()

        with pytest.raises(Unavailable):
            leave(large, settings, fall_silent)
        assert monotonic() - began < AT_ONCE


def test_an_error_of_the_query_has_its_name(large: Large) -> None:
    with (
        pytest.raises(NotFound) as caught,
        large.db.stream(events.get_recent_events(session_id=10**12)) as rows,
    ):
        next(rows)
    assert caught.value.statement == "events.get_recent_events"


def test_joined_rows_are_put_together(db: Database, session_id: int) -> None:
    for number in range(3):
        db.run(
            positions.open_position(
                session_id=session_id,
                symbol=f"S{number}",
                side="LONG",
                entry_price=1,
                size=1,
                quantity=1,
                strategy_name="test",
                entry_order_id=f"{number}",
            )
        )
    active = positions.get_active_positions(session_id=session_id)
    with db.stream(active) as rows:
        streamed = list(rows)
    assert streamed == db.run(active)
    assert [len(position.orders) for position in streamed] == [1, 1, 1]
