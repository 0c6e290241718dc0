"""Fills, totals and fees while connections are lost and engines killed: the balance ends at the last digit it must."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from threading import Event
from time import sleep
from typing import Final

import pytest

from atb_db import Database
from atb_db.repository import sessions
from tests.faults import breaking
from tests.faults.client import Client
from tests.faults.conftest import FULL
from tests.faults.scene import Fault, Scene
from tests.model.engine import report, work
from tests.model.feed import INITIAL, START, feed
from tests.model.test_any_order import ends_well, parts

TIMES: Final = 10 if FULL else 1
STRIKES: Final = 5
KILLS: Final = 60 if FULL else 4
FAULTS: Final = {
    "idle backends killed": breaking.IDLE_KILLED,
    "backends killed at work": breaking.KILLED_IN_TRANSACTION,
    "connections cut": breaking.CUT,
    "answers lost": breaking.LOST_ANSWER,
    **({"server restarted": breaking.RESTART} if FULL else {}),
}


def begin(url: str) -> int:
    with Database(url) as db:
        return db.run(
            sessions.create_trading_session(
                strategy_name="feed", symbol="BTCUSDT", timeframe="1h", mode="PAPER", initial_balance=INITIAL,
                start_time=START,
            )
        )  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "is_async"),
    [
        pytest.param(
            fault,
            way,
            id=f"{name}-{'async' if way else 'sync'}",
            marks=[pytest.mark.slow] if (number + way) % 2 else [],
        )
        for number, (name, fault) in enumerate(FAULTS.items())
        for way in (False, True)
    ],
    indirect=["is_async"],
)
def test_lost_connections(fault: Fault, scene: Scene, is_async: bool) -> None:  # noqa: FBT001
    client = Client(scene.proxy.url if fault.network else scene.url, is_async=is_async, pool_max=4, deadline=30.0)
    for _ in range(TIMES):
        made = feed(begin(scene.url), Random(scene.chance.random()))  # noqa: S311
        made.journal(client.run)
        with ThreadPoolExecutor(4) as threads:
            stop = Event()
            working = [threads.submit(report, client, part, stop) for part in parts(made, scene.chance)]
            for _ in range(STRIKES):
                sleep(scene.chance.uniform(0.01, 0.1))
                fault.strike(scene)
                sleep(fault.lasts)
                fault.mend(scene)
            stop.set()
            for one in working:
                one.result()
        with Database(scene.url) as db:
            ends_well(db, made)
    client.close()


@pytest.mark.parametrize("is_async", [False, pytest.param(True, marks=pytest.mark.slow)], indirect=True)
def test_killed_engines(scene: Scene, tmp_path: Path, is_async: bool) -> None:  # noqa: FBT001
    kind = "async" if is_async else "sync"
    session_id, seed, path = begin(scene.url), scene.chance.getrandbits(32), tmp_path / "answers"
    path.touch()
    program = [sys.executable, "-m", "tests.model.engine", scene.url, str(session_id), str(seed), str(path), kind]
    for _ in range(KILLS):
        before = path.stat().st_size
        with subprocess.Popen(program) as process:
            while path.stat().st_size == before and process.poll() is None:
                sleep(0.001)
            sleep(scene.chance.uniform(0, 0.15))
            process.kill()
    client = Client(scene.url, is_async=is_async)
    work(client, session_id, seed, path)
    client.close()
    with Database(scene.url) as db:
        ends_well(db, feed(session_id, Random(seed)))  # noqa: S311
