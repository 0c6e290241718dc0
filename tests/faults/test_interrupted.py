"""Interrupted anywhere, a call has stored everything or nothing, and the pool is whole."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from random import Random
from time import monotonic
from typing import Any, Final

import pytest
import uvloop

from atb_db import AsyncDatabase, Database, Settings
from atb_db.database import RetryEvent
from atb_db.embedded import Server
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
from tests.faults.scene import Scene, begin_sessions, scene_on

POOL: Final = 2
PATIENCE: Final = 30.0
"""Seconds that a call has, however busy the machine is."""
INTERRUPTIONS: Final = (KeyboardInterrupt, SystemExit, TimeoutError)
LOOPS: Final[dict[str, Callable[[], asyncio.AbstractEventLoop]]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
# What psycopg had begun on a connection that is closed now has nobody to answer.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in.*Pipeline._exit_gen:pytest.PytestUnraisableExceptionWarning"
)
Work = Callable[[AsyncDatabase], Coroutine[Any, Any, None]]

every_act = pytest.mark.parametrize("act", ACTS, ids=[act.name for act in ACTS])


@pytest.fixture(autouse=True)
def _only_what_is_new_is_collected() -> Iterator[None]:
    """Each look at the pool collects garbage, which takes long where the heap of all tests is searched."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def scene(battered: Server) -> Iterator[Scene]:
    """One for all: each test works in a session of its own."""
    with scene_on(battered, Random(0)) as made:  # noqa: S311  nothing is left to chance
        yield made


@pytest.fixture
def session(scene: Scene) -> int:
    return begin_sessions(scene.url, 1)[0]


@contextmanager
def database(scene: Scene) -> Iterator[Database]:
    kept: list[RetryEvent] = []  # with their errors, and the frames in these
    with Database(settings(scene), on_retry=kept.append) as db:
        check_whole(db)
        yield db


def settings(scene: Scene) -> Settings:
    return Settings.load(scene.url, environ={})._replace(
        pool_min=POOL, pool_max=POOL, deadline=PATIENCE, query_deadline=PATIENCE
    )


def check_whole(db: Database) -> None:
    """All of the pool's connections can be had at once, and are as good as new."""
    gc.collect()  # what an exception's traceback holds is not missed before
    with ExitStack() as stack:
        for _ in range(POOL):
            connection = stack.enter_context(db._pool.connection(monotonic() + PATIENCE))
            assert not connection.is_busy()
        assert db.statistics().open == POOL
    assert db.statistics().idle == POOL


async def check_whole_async(db: AsyncDatabase) -> None:
    taken = []
    for _ in range(POOL):
        connection = await db._pool.take(monotonic() + PATIENCE)
        assert not connection.is_busy()
        taken.append(connection)
    assert db.statistics().open == POOL
    for connection in taken:
        await db._pool.give(connection)
    assert db.statistics().idle == POOL


def run_on(loop: str, scene: Scene, work: Work) -> None:
    async def run() -> None:
        kept: list[RetryEvent] = []
        async with AsyncDatabase(settings(scene), on_retry=kept.append) as db:
            await check_whole_async(db)
            await work(db)

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(run())


class Judge:
    """Says what came of the interruptions of one act: of which something was stored, but not all."""

    def __init__(self, scene: Scene, session: int, record: Record) -> None:
        self.scene = scene
        self.session = session
        self.record = record

    def __call__(self, what: str, act: Act, kind: str, times: int) -> None:
        halves = stored_in_part(self.scene.url, self.session)
        self.record(
            Line(f"{act.name} {what}", kind, times, halves=len(halves), promised="all or nothing, a whole pool")
        )
        assert halves == []


@pytest.fixture
def judge(scene: Scene, session: int, record: Record) -> Judge:
    return Judge(scene, session, record)


@every_act
def test_at_every_line(scene: Scene, session: int, act: Act, chance: Random, judge: Judge) -> None:
    with database(scene) as db:
        act.sync(db, Notes(session, f"{act.name} prepares"))
        with at_line(-1, strike := Strike(KeyboardInterrupt)):
            act.sync(db, Notes(session, f"{act.name} warm"))
        places = [(chance.choice(INTERRUPTIONS), number) for number in range(strike.lines)]
        chosen = places if FULL else chance.sample(places, 8)
        for error, number in chosen:
            strike = Strike(error)
            with struck(strike), at_line(number, strike):
                act.sync(db, Notes(session, f"{act.name} {error.__name__} {number}"))
            check_whole(db)
    judge("interrupted at every line", act, "sync", len(chosen))


@every_act
def test_by_a_signal_at_any_time(scene: Scene, session: int, act: Act, chance: Random, judge: Judge) -> None:
    times = 300 if FULL else 8
    with database(scene) as db:
        began = monotonic()
        act.sync(db, Notes(session, f"{act.name} warm"))
        took = monotonic() - began
        for number in range(times):
            strike = Strike(chance.choice(INTERRUPTIONS))
            with struck(strike), by_signal(chance.uniform(1e-6, took), strike):
                act.sync(db, Notes(session, f"{act.name} {number}"))
            check_whole(db)
    judge("interrupted by signals", act, "sync", times)


@pytest.mark.parametrize("loop", LOOPS)
@every_act
def test_at_every_suspension(scene: Scene, session: int, act: Act, loop: str, judge: Judge) -> None:
    tried = 0

    async def work(db: AsyncDatabase) -> None:
        nonlocal tried
        for number in count():
            task = asyncio.create_task(
                awaited(cancelled_at(number, act.aio(db, Notes(session, f"{act.name} {number}"))))
            )
            await asyncio.wait([task])
            await check_whole_async(db)
            if not task.cancelled():
                task.result()
                break
            tried += 1

    run_on(loop, scene, work)
    assert tried > 0
    judge("cancelled at every suspension", act, loop, tried)


@pytest.mark.parametrize("loop", LOOPS)
@every_act
def test_cancelled_at_any_time(  # noqa: PLR0917
    scene: Scene, session: int, act: Act, loop: str, chance: Random, judge: Judge
) -> None:
    times = 300 if FULL else 8

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
            await check_whole_async(db)

    run_on(loop, scene, work)
    judge("cancelled at any time", act, loop, times)
