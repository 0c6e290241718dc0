"""A database at which engines work while a fault strikes, and what came of it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Event
from time import monotonic, sleep
from typing import Final, NamedTuple

import psycopg

from atb_db import Database
from atb_db.database import RetryEvent
from atb_db.embedded import Server
from atb_db.repository import sessions
from tests.conftest import TEMPLATE
from tests.faults.client import Client
from tests.faults.engine import Answered, Engine, trading
from tests.faults.oracle import Verdict, judge
from tests.faults.proxy import Proxy, proxied

LONGEST_RECOVERY: Final = 30.0
_TICK: Final = 0.002
_numbers = count(1)


@dataclass
class Scene:
    """A server, and a database in it that clients reach directly or by way of a proxy."""

    server: Server
    url: str
    proxy: Proxy
    chance: random.Random
    held: list[psycopg.Connection] = field(default_factory=list)
    """Connections that a fault holds."""
    stopped: list[int] = field(default_factory=list)
    """Processes that a fault has stopped."""

    def execute(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url, autocommit=True, application_name="fault") as connection:
            return connection.execute(query.encode()).fetchall()


@contextmanager
def scene_on(server: Server, chance: random.Random) -> Iterator[Scene]:
    """A fresh database on the server."""
    url = server.create_database(f"scene_{next(_numbers)}", template=TEMPLATE)
    with proxied(url) as proxy:
        yield Scene(server, url, proxy, chance)


def nothing(_scene: Scene) -> None:
    """What there is to mend if a fault does not last."""


class Fault(NamedTuple):
    """How to break, for how long, and how to mend."""

    strike: Callable[[Scene], object]
    mend: Callable[[Scene], object] = nothing
    """Also called if nothing is broken."""
    lasts: float = 0.0
    """Seconds."""
    network: bool = False
    """Whether the clients connect by way of the proxy."""


class Outcome(NamedTuple):
    """What a fault came to."""

    verdict: Verdict
    errors: Counter[str]
    """That callers were given, by class."""
    recovery: float
    """Seconds from the end of a fault until each engine had an answer again, at the most."""
    longest: float
    """Seconds of the longest call."""
    retries: list[RetryEvent]


def suffer(
    scene: Scene,
    fault: Fault,
    folder: Path,
    *,
    is_async: bool,
    times: int,
    writers: int = 4,
    pause: tuple[float, float] = (0.05, 0.3),
    at_once: bool = False,
    **changes: object,
) -> Outcome:
    """Let engines work while the fault strikes again and again; `at_once` does not wait for recovery in between."""
    client = Client(
        scene.proxy.url if fault.network else scene.url, is_async=is_async, **{"pool_max": writers, **changes}
    )
    engines = hire(scene, client, folder, writers)
    stop = Event()
    recoveries = [0.0]
    with ThreadPoolExecutor(writers) as threads:
        working = [threads.submit(engine.work, stop) for engine in engines]
        try:
            wait_for_answers(engines, monotonic())
            for _ in range(times):
                sleep(scene.chance.uniform(*pause))
                fault.strike(scene)
                sleep(fault.lasts)
                fault.mend(scene)
                if not at_once:
                    recoveries.append(wait_for_answers(engines, monotonic()))
            recoveries.append(wait_for_answers(engines, monotonic()))
        finally:
            fault.mend(scene)
            stop.set()
            for one in working:
                one.result()
            client.close()
    return Outcome(
        verdict=judge(scene.url, Answered.read(*(engine.path for engine in engines))),
        errors=sum((engine.errors for engine in engines), Counter()),
        recovery=max(recoveries),
        longest=max(engine.longest for engine in engines),
        retries=client.events,
    )


def hire(scene: Scene, client: Client, folder: Path, number: int, *, pause: float = 0.0) -> list[Engine]:
    """Engines, of which two each share a session, and with it a balance."""
    folder.mkdir(exist_ok=True)
    seed = scene.chance.random()
    ids = begin_sessions(scene.url, (number + 1) // 2)
    names = [f"engine-{one}-{folder.name}" for one in range(number)]
    return [
        Engine(client, trading(ids[one // 2], name, seed), folder / name, pause=pause) for one, name in enumerate(names)
    ]


def begin_sessions(url: str, number: int) -> list[int]:
    """So many trading sessions; their ids."""
    with Database(url) as db:
        return [
            db.run(
                sessions.create_trading_session(
                    strategy_name="faults", symbol="BTCUSDT", timeframe="1h", mode="PAPER", initial_balance=1000
                )
            )
            for _ in range(number)
        ]


def wait_for_answers(engines: list[Engine], since: float) -> float:
    """Seconds from that moment until each engine has had an answer."""
    while any(engine.last <= since for engine in engines):
        assert monotonic() < since + LONGEST_RECOVERY, "an engine gets no answer any more"
        sleep(_TICK)
    return monotonic() - since
