"""Observers and hooks that raise: what they raise is logged, and every call ends as it would without them."""

from __future__ import annotations

import asyncio
import logging
from typing import NamedTuple
from uuid import UUID

import pytest

from atb_db import AsyncDatabase, Batch, Database, Settings
from atb_db.database.connections import AsyncConnection, Connection
from atb_db.database.retry import RetryEvent
from atb_db.errors import AtbDbError, NotFound, Unavailable
from atb_db.repository import control, events, sessions
from tests.statements.test_effort import functions_called

ONE, TWO = (UUID(int=number + (7 << 76) + (2 << 62)) for number in (1, 2))


class Flags(NamedTuple):
    flags: list[control.ControlFlag]


class Broken:
    """Neither of its methods works."""

    def ran(self, name: str, *, seconds: float, error: AtbDbError | None, together: int) -> None:
        raise ValueError(f"no room for {name}, {together}, {seconds > 0}, {error is not None}")

    def retried(self, event: RetryEvent) -> None:
        raise KeyError(event.attempt)


def broken_hook(event: RetryEvent) -> None:
    raise LookupError(event.attempt)


def kinds(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [
        (str(record.args[0]), record.exc_info[0].__name__)
        for record in caplog.records
        if record.levelno == logging.ERROR and isinstance(record.args, tuple)
        if record.exc_info is not None and record.exc_info[0] is not None
    ]


def settings(url: str) -> Settings:
    return Settings.load(url, environ={"DATABASE_METRICS": "1"})


RAN = [("Broken.ran", "ValueError")]
RETRIED = [("Broken.retried", "KeyError"), ("on_retry", "LookupError")]


def test_threads_notice_nothing_but_a_line_in_the_log(fresh_url: str, caplog: pytest.LogCaptureFixture) -> None:
    failures = iter([Unavailable("it is gone"), Unavailable("still")])

    def use(_: Connection) -> str:
        for failure in failures:
            raise failure
        return "done"

    command = events.log_event(event_type="WARNING", message="one", request_id=ONE)
    with Database(settings(fresh_url), observer=Broken(), on_retry=broken_hook) as db:
        stored = db.run(command)
        assert db.run(command) == stored
        assert db.run(sessions.get_active_sessions()) == []
        assert db.run_many([sessions.get_active_sessions(), control.get_active_control_flags()]) == [[], []]
        assert db.run_batch(Batch(Flags, flags=control.get_active_control_flags())) == Flags([])
        db.run(events.log_event(event_type="WARNING", message="two", request_id=TWO))
        with pytest.raises(NotFound):
            db.run(events.log_event(session_id=99, event_type="WARNING", message="x"))
        with pytest.raises(NotFound):
            db.run_many([events.log_event(session_id=99, event_type="WARNING", message="x")])
        with db.transaction() as transaction:
            transaction.run(events.log_event(event_type="WARNING", message="three"))
        with db.stream(events.get_operational_events(event_type="WARNING")) as rows:
            assert {row.message for row in rows} == {"one", "two", "three"}
        assert kinds(caplog) == RAN
        assert db._tried(db._until(None, None), None, use) == "done"
        assert kinds(caplog) == RAN + RETRIED
        # Our own counters have heard of everything all the same.
        assert db.metrics().retries == (("Unavailable", 2),)
        assert {one.name: one.errors for one in db.metrics().statements}["events.log_event"] == 2


def test_tasks_notice_as_little(fresh_url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def engine() -> None:
        failures = iter([Unavailable("it is gone")])

        async def use(_: AsyncConnection) -> str:
            for failure in failures:
                raise failure
            return "done"

        async with AsyncDatabase(settings(fresh_url), observer=Broken(), on_retry=broken_hook) as db:
            command = events.log_event(event_type="WARNING", message="one", request_id=ONE)
            assert await db.run(command) == await db.run(command)
            assert await db.run_many([sessions.get_active_sessions()] * 2) == [[], []]
            with pytest.raises(NotFound):
                await db.run(events.log_event(session_id=99, event_type="WARNING", message="x"))
            async with db.transaction() as transaction:
                await transaction.run(events.log_event(event_type="WARNING", message="two"))
            async with db.stream(events.get_operational_events(event_type="WARNING")) as rows:
                assert {row.message async for row in rows} == {"one", "two"}
            assert await db._tried(db._until(None, None), None, use) == "done"

    asyncio.run(engine())
    assert kinds(caplog) == RAN + RETRIED


def test_an_interrupt_is_none_of_it(fresh_url: str) -> None:
    class Stopped(Broken):
        def ran(self, name: str, **_: object) -> None:
            raise KeyboardInterrupt(name)

    with Database(settings(fresh_url), observer=Stopped()) as db, pytest.raises(KeyboardInterrupt):
        db.run(sessions.get_active_sessions())


def test_the_counters_alone_need_no_shield(fresh_url: str) -> None:
    with Database(settings(fresh_url)) as db:
        statement = sessions.get_active_sessions()
        for _ in range(8):
            db.run(statement)
        assert not [name for name in functions_called(lambda: db.run(statement)) if "Shielded" in name]
