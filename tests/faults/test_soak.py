"""Eight writers and four readers among random faults for a long time: nothing lost, nothing double, nothing grows."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle
from pathlib import Path
from statistics import median
from threading import Event
from time import monotonic, sleep
from typing import Final, NamedTuple

import pytest

from atb_db.repository import account, metrics, positions
from tests.faults import breaking
from tests.faults.client import Client, clients
from tests.faults.conftest import Record
from tests.faults.engine import WORTH_REPEATING, Answered
from tests.faults.oracle import judge
from tests.faults.results import Line
from tests.faults.scene import Fault, Scene, hire, wait_for_answers

MINUTES: Final = float(os.environ.get("ATB_DB_SOAK_MINUTES") or 0)
FAULTS: Final = [
    *(breaking.IDLE_KILLED, breaking.KILLED_IN_TRANSACTION, breaking.CUT, breaking.LOST_ANSWER, breaking.LOST_COMMIT),
    *(breaking.RESTART, breaking.FROZEN, breaking.BLACK_HOLE, breaking.DEAF, breaking.SLOW, breaking.CROWDED),
]
WRITERS: Final = 4
READERS: Final = 2
POOL: Final = 6
"""Of each of two clients."""
THINKING: Final = 0.02
LINUX: Final = Path("/proc/self/status")

pytestmark = [
    pytest.mark.skipif(not MINUTES, reason="is make soak"),
    pytest.mark.skipif(not LINUX.exists(), reason="reads /proc"),
]


class Sample(NamedTuple):
    """What the process and the server hold."""

    megabytes: float
    files: int
    threads: int
    connections: int


def sample(scene: Scene) -> Sample:
    [resident] = [line.split()[1] for line in LINUX.read_text().splitlines() if line.startswith("VmRSS")]
    [(connections,)] = scene.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'atb_db'")
    files = len(list(Path("/proc/self/fd").iterdir()))
    return Sample(int(resident) / 1024, files, threading.active_count(), int(str(connections)))


def read(client: Client, session_id: int, stop: Event) -> Counter[str]:
    """What readers were told, by class of error; "answers" are no error."""
    told: Counter[str] = Counter()
    asks: list[Callable[[], object]] = [
        partial(client.run, account.get_current_balance(session_id=session_id)),
        partial(client.run, positions.get_active_positions(session_id=session_id)),
        partial(client.run, metrics.get_performance_metrics(session_id=session_id)),
        client.health,
    ]
    for ask in cycle(asks):
        if stop.wait(THINKING):
            return told
        try:
            ask()
        except WORTH_REPEATING as error:
            told[type(error).__name__] += 1
        else:
            told["answers"] += 1
    return told


def strike(scene: Scene, fault: Fault) -> None:
    try:
        fault.strike(scene)
        sleep(fault.lasts)
    finally:
        fault.mend(scene)


def test_soak(scene: Scene, tmp_path: Path, record: Record) -> None:
    end = monotonic() + MINUTES * 60
    stop = Event()
    strikes = 0
    recovery = 0.0
    samples: list[Sample] = []
    with clients(is_async=False) as threads, clients(is_async=True) as tasks, ThreadPoolExecutor(12) as workers:
        both = [connect(scene.proxy.url, pool_max=POOL) for connect in (threads, tasks)]
        folders = [tmp_path / "sync", tmp_path / "async"]
        teams = [hire(scene, one, folder, WRITERS, pause=THINKING) for one, folder in zip(both, folders, strict=True)]
        engines = [engine for team in teams for engine in team]
        writing = [workers.submit(engine.work, stop) for engine in engines]
        # The first session of the scene is a pair of engines'.
        reading = [workers.submit(read, one, 1, stop) for one in both for _ in range(READERS)]
        try:
            while monotonic() < end:
                sleep(scene.chance.uniform(0.5, 3))
                strike(scene, scene.chance.choice(FAULTS))
                strikes += 1
                recovery = max(recovery, wait_for_answers(engines, monotonic()))
                samples.append(sample(scene))
                for one in both:
                    one.events.clear()
        finally:
            stop.set()
            for done in writing:
                done.result()
        told = sum((done.result() for done in reading), Counter[str]())
    verdict = judge(scene.url, Answered.read(*(engine.path for engine in engines)))
    errors = sum((engine.errors for engine in engines), Counter[str]()) + told
    answers = errors.pop("answers")
    print(*samples, sep="\n")  # noqa: T201  shown when it fails
    quarter = len(samples) // 4
    early, late = (
        Sample(*(median(column) for column in zip(*part, strict=True)))
        for part in (samples[quarter : 2 * quarter], samples[-quarter:])
    )
    growth = f"{early.megabytes:.0f} → {late.megabytes:.0f} MB, {early.files:g} → {late.files:g} files"
    growth += f", {early.threads:g} → {late.threads:g} threads, ≤ {max(one.connections for one in samples)} connections"
    # The server may not know yet that a connection was cut.
    is_flat = (
        late.connections <= 2 * POOL
        and max(one.connections for one in samples) <= 3 * POOL
        and late.megabytes < early.megabytes * 1.1 + 5
        and late.files <= early.files + 5
        and late.threads <= early.threads + 2
    )
    record(
        Line(
            fault=f"soak of {MINUTES:g} minutes, {answers} reads",
            client="both",
            times=strikes,
            answers=verdict.answers,
            lost=verdict.lost,
            double=verdict.double,
            errors=", ".join(f"{number} {name}" for name, number in errors.items()) or "0",
            recovery=recovery,
            promised=f"{'flat' if is_flat else '**not flat**'}: {growth}",
        )
    )
    assert verdict.holds
    assert is_flat, growth
