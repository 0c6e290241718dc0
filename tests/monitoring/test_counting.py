"""`db.metrics()`: what is counted, by threads and tasks, and that it costs next to nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from atb_db import AsyncDatabase, Database, Settings
from atb_db.database.connections import Connection
from atb_db.database.observing import BOUNDS, Counting, PoolStatistics, StatementMetrics
from atb_db.errors import NotFound, Unavailable
from atb_db.repository import control, events, sessions
from tests.statements.test_effort import functions_called


def settings(url: str, *, on: bool = True) -> Settings:
    return Settings.load(url, environ={"DATABASE_METRICS": "1"} if on else {})


def test_statements_are_counted_with_their_times(fresh_url: str) -> None:
    with Database(settings(fresh_url)) as db:
        for _ in range(3):
            db.run(sessions.get_active_sessions())
        db.run(events.log_event(event_type="WARNING", message="x"))
        found = db.metrics()
    assert {one.name: (one.calls, one.errors) for one in found.statements} == {
        "sessions.get_active_sessions": (3, 0),
        "events.log_event": (1, 0),
    }
    assert [one.seconds for one in found.statements] == sorted((one.seconds for one in found.statements), reverse=True)
    for one in found.statements:
        assert sum(one.buckets) == one.calls
        assert 0 < one.mean <= one.within(1.0) <= one.slowest <= one.seconds
    assert (found.pool.limit, found.errors, found.retries) == (10, (), ())


def test_what_is_off_counts_nothing_but_has_the_pool(fresh_url: str) -> None:
    with Database(settings(fresh_url, on=False)) as db:
        db.run(sessions.get_active_sessions())
        found = db.metrics()
    assert (found.statements, found.errors, found.retries, found.pool.limit) == ((), (), (), 10)


def test_a_frozen_value_stays_as_it_was(fresh_url: str) -> None:
    with Database(settings(fresh_url)) as db:
        db.run(sessions.get_active_sessions())
        before = db.metrics()
        db.run(sessions.get_active_sessions())
        assert (before.statements[0].calls, db.metrics().statements[0].calls) == (1, 2)


def test_batches_transactions_and_errors_are_counted(fresh_url: str) -> None:
    with Database(settings(fresh_url)) as db:
        db.run_many([sessions.get_active_sessions(), sessions.get_active_sessions()])
        db.run_many([sessions.get_active_sessions(), control.get_active_control_flags()])
        with db.transaction() as transaction:
            transaction.run(sessions.get_active_sessions())
        with pytest.raises(NotFound):
            db.run(events.log_event(session_id=99, event_type="WARNING", message="x"))
        found = {one.name: one for one in db.metrics().statements}
        assert {name: one.calls for name, one in found.items()} == {
            "sessions.get_active_sessions": 2,
            "batch": 1,
            "events.log_event": 1,
        }
        assert found["events.log_event"].errors == 1
        assert db.metrics().errors == (("NotFound", 1),)


def test_retries_are_counted_and_the_caller_s_hook_is_called(fresh_url: str) -> None:
    heard = list[str]()
    with Database(settings(fresh_url), on_retry=lambda event: heard.append(type(event.error).__name__)) as db:
        db.run(sessions.get_active_sessions())
        failures = iter([Unavailable("it is gone"), Unavailable("still")])

        def use(_: Connection) -> str:
            for failure in failures:
                raise failure
            return "done"

        assert db._tried(db._until(None, None), None, use) == "done"
        assert heard == ["Unavailable"] * 2
        assert db.metrics().retries == (("Unavailable", 2),)


def test_tasks_are_counted_as_threads_are(fresh_url: str) -> None:
    async def count() -> None:
        async with AsyncDatabase(settings(fresh_url)) as db:
            await db.run(sessions.get_active_sessions())
            await db.run_many([sessions.get_active_sessions()] * 2)
            assert [(one.name, one.calls) for one in db.metrics().statements] == [("sessions.get_active_sessions", 2)]

    asyncio.run(count())


def test_threads_lose_no_count() -> None:
    counting = Counting()

    def count(_: int) -> None:
        for _ in range(2000):
            counting.ran("a", seconds=0.002, error=None, together=1)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(count, range(8)))
    [found] = counting.metrics(PoolStatistics(open=0, idle=0, waiting=0, limit=1)).statements
    assert found.calls == found.buckets[BOUNDS.index(0.0025)] == 16000


def test_quantiles_are_bounds_of_buckets() -> None:
    buckets = [0] * (len(BOUNDS) + 1)
    buckets[BOUNDS.index(0.001)], buckets[-1] = 98, 2
    one = StatementMetrics("a", 100, 0, 30.0, 14.0, tuple(buckets))
    assert (one.within(0.5), one.within(0.98), one.within(0.99), one.within(1.0)) == (0.001, 0.001, 14.0, 14.0)


def test_it_costs_nothing_when_off_and_little_when_on(fresh_url: str) -> None:
    least = {}
    for on in (False, True):
        with Database(settings(fresh_url, on=on)) as db:
            statement = sessions.get_active_sessions()
            for _ in range(8):
                db.run(statement)
            least[on] = min(
                (functions_called(lambda: db.run(statement)) for _ in range(20)),  # noqa: B023  called at once
                key=Counter.total,
            )
    assert not [name for name in least[False] if "observing" in name or "Counting" in name or "perf_counter" in name]
    assert least[True].total() - least[False].total() <= 12, least[True] - least[False]
