"""Interrupted anywhere, a call has stored everything or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from itertools import count
from random import Random
from time import monotonic
from typing import Any, Final

import pytest
import uvloop

from atb_db import AsyncDatabase, Database, Settings
from tests.faults.conftest import FULL, Record
from tests.faults.interrupting import (
    ACTS,
    Act,
    Notes,
    Strike,
    at_line,
    awaited,
    by_signal,
    cancelled_at,
    stored_in_part,
    struck,
)
from tests.faults.results import Line
from tests.faults.scene import Scene, begin_sessions

INTERRUPTIONS: Final = (KeyboardInterrupt, SystemExit, TimeoutError)
LOOPS: Final[dict[str, Callable[[], asyncio.AbstractEventLoop]]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
Work = Callable[[AsyncDatabase], Coroutine[Any, Any, None]]

every_act = pytest.mark.parametrize("act", ACTS, ids=[act.name for act in ACTS])


@pytest.fixture
def session(scene: Scene) -> int:
    return begin_sessions(scene.url, 1)[0]


@contextmanager
def database(scene: Scene) -> Iterator[Database]:
    with Database(settings(scene)) as db:
        yield db


def settings(scene: Scene) -> Settings:
    return Settings.load(scene.url, environ={})._replace(pool_max=500)


def run_on(loop: str, scene: Scene, work: Work) -> None:
    async def run() -> None:
        async with AsyncDatabase(settings(scene)) as db:
            await work(db)

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(run())


def note(record: Record, what: str, act: Act, kind: str, times: int) -> None:
    record(Line(f"{act.name} {what}", kind, times, lost=0, double=0, promised="0 halves"))


@every_act
def test_at_every_line(scene: Scene, session: int, act: Act, chance: Random, record: Record) -> None:
    tried = 0
    step = 1 if FULL else 5
    with database(scene) as db:
        for error in INTERRUPTIONS if FULL else [chance.choice(INTERRUPTIONS)]:
            for number in count(0 if FULL else chance.randrange(step), step):
                notes = Notes(session, f"{act.name} {error.__name__} {number}")
                strike = Strike(error)
                with struck(strike), at_line(number, strike):
                    act.sync(db, notes)
                if not strike.has_come:
                    break
                tried += 1
    assert tried > 5
    assert stored_in_part(scene.url, session) == []
    note(record, "interrupted at every line", act, "sync", tried)


@every_act
def test_by_a_signal_at_any_time(scene: Scene, session: int, act: Act, chance: Random, record: Record) -> None:
    times = 500 if FULL else 15
    with database(scene) as db:
        began = monotonic()
        act.sync(db, Notes(session, f"{act.name} warm"))
        took = monotonic() - began
        for number in range(times):
            strike = Strike(chance.choice(INTERRUPTIONS))
            with struck(strike), by_signal(chance.uniform(1e-6, took), strike):
                act.sync(db, Notes(session, f"{act.name} {number}"))
    assert stored_in_part(scene.url, session) == []
    note(record, "interrupted by signals", act, "sync", times)


@pytest.mark.parametrize("loop", LOOPS)
@every_act
def test_at_every_suspension(scene: Scene, session: int, act: Act, loop: str, record: Record) -> None:
    tried = 0

    async def work(db: AsyncDatabase) -> None:
        nonlocal tried
        for number in count():
            task = asyncio.create_task(
                awaited(cancelled_at(number, act.aio(db, Notes(session, f"{act.name} {number}"))))
            )
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()
                break
            tried += 1

    run_on(loop, scene, work)
    assert tried > 0
    assert stored_in_part(scene.url, session) == []
    note(record, "cancelled at every suspension", act, loop, tried)


@pytest.mark.parametrize("loop", LOOPS)
@every_act
def test_cancelled_at_any_time(  # noqa: PLR0917
    scene: Scene, session: int, act: Act, loop: str, chance: Random, record: Record
) -> None:
    times = 500 if FULL else 15

    async def work(db: AsyncDatabase) -> None:
        began = monotonic()
        await act.aio(db, Notes(session, f"{act.name} warm"))
        took = monotonic() - began
        for number in range(times):
            task = asyncio.create_task(act.aio(db, Notes(session, f"{act.name} {number}")))
            for _ in range(chance.choice([1, 1, 2])):
                await asyncio.sleep(chance.uniform(0, took))
                task.cancel()
            await asyncio.wait([task])

    run_on(loop, scene, work)
    assert stored_in_part(scene.url, session) == []
    note(record, "cancelled at any time", act, loop, times)
