"""A real cluster loses its leader in four ways; `make cluster-faults` runs it, `make test` does not."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from threading import Event
from time import monotonic, monotonic_ns, sleep
from typing import Final

import psycopg
import pytest

from atb_db import Settings
from atb_db.admin.migrations import migrate
from tests.cluster.cluster import NODES, TTL, Cluster, own_ports
from tests.faults.client import Client
from tests.faults.conftest import FULL, Record
from tests.faults.engine import Answered, Engine, trading
from tests.faults.oracle import judge
from tests.faults.results import Line
from tests.faults.scene import begin_sessions, wait_for_answers

pytestmark = pytest.mark.skipif(not FULL, reason="part of make cluster-faults")
DEADLINE: Final = 2.0
HEALS: Final = 2.0
"""Seconds from Patroni's promotion until every engine has an answer again."""
SWITCHES: Final = 5.0
"""Seconds of a planned switchover, from the command on."""
REJOINS: Final = 90.0
_ENGINES: Final = 4


@pytest.fixture
def record() -> Record:
    return Record()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    made = Cluster(can_be_cut=True)
    made.start()
    yield made
    made.stop()


def killed(cluster: Cluster, leader: str) -> None:
    """Patroni and its PostgreSQL, with SIGKILL."""
    cluster.signal(leader, signal.SIGKILL)


def started(cluster: Cluster, leader: str) -> None:
    cluster.start_node(int(leader.removeprefix("node")))


def frozen(cluster: Cluster, leader: str) -> None:
    """It keeps its connections and answers nothing; afterwards it still believes that it leads."""
    cluster.signal(leader, signal.SIGSTOP)


def thawed(cluster: Cluster, leader: str) -> None:
    cluster.signal(leader, signal.SIGCONT)


def cut_off(cluster: Cluster, leader: str) -> None:
    """It runs on, and neither clients, nor the other nodes, nor etcd hear of it."""
    cluster.cut(leader)


def connected(cluster: Cluster, leader: str) -> None:
    """When it has stepped down by itself; its PostgreSQL may be ending yet, kept by its standbys' connections."""
    cluster.wait_for(lambda: in_recovery(int(leader.removeprefix("node"))) is not False, TTL)
    cluster.mend(leader)


def switched(cluster: Cluster, leader: str) -> None:
    cluster.switch_over(leader)


def nothing(_cluster: Cluster, _leader: str) -> None:
    """It mends itself."""


Act = Callable[[Cluster, str], None]


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(
    ("name", "strike", "mend", "planned"),
    [
        ("planned switchover", switched, nothing, True),
        ("leader's Patroni and PostgreSQL killed, then rejoined", killed, started, False),
        ("leader stopped (all its processes), then back", frozen, thawed, False),
        ("leader's network cut, then back", cut_off, connected, False),
    ],
    ids=["switchover", "killed", "stopped", "cut-off"],
)
def test_nothing_is_lost(
    cluster: Cluster,
    chance: Random,
    tmp_path: Path,
    record: Record,
    *,
    name: str,
    strike: Act,
    mend: Act,
    planned: bool,
    is_async: bool,
) -> None:
    url = database(cluster, f"cluster_{monotonic_ns()}")
    client = Client(url, is_async=is_async, pool_max=_ENGINES, deadline=DEADLINE)
    seed, ids = chance.random(), begin_sessions(url, 2)
    names = [f"engine-{number}" for number in range(_ENGINES)]
    engines = [Engine(client, trading(ids[at // 2], one, seed), tmp_path / one) for at, one in enumerate(names)]
    stop = Event()
    with ThreadPoolExecutor(_ENGINES) as threads:
        working = [threads.submit(engine.work, stop) for engine in engines]
        try:
            wait_for_answers(engines, monotonic())
            sleep(1)
            leader = cluster.leader()
            assert leader is not None
            began = monotonic()
            strike(cluster, leader)
            promoted = wait_for_another(leader)
            healed = wait_for_answers(engines, promoted)
            outage = promoted + healed - began
            mend(cluster, leader)
            cluster.wait_for(cluster.complete, REJOINS)
            wait_for_answers(engines, monotonic())
        finally:
            stop.set()
            for one in working:
                one.result()
            client.close()
    verdict = judge(url, Answered.read(*(engine.path for engine in engines)))
    errors = sum((engine.errors for engine in engines), Counter())
    told = ", ".join(f"{count} {kind}" for kind, count in errors.items()) or "0"
    promised = (
        f"≤ {SWITCHES:g} s" if planned else f"≤ promotion + {HEALS:g} s (all of the outage: {outage:.1f} s, ttl {TTL})"
    )
    recovery = outage if planned else healed
    kind = "async" if is_async else "sync"
    counts = (verdict.answers, verdict.lost, verdict.double)
    record(Line(name, kind, 1, *counts, errors=told, recovery=recovery, promised=promised))
    assert verdict.holds, verdict
    assert verdict.answers > 0
    assert recovery < (SWITCHES if planned else HEALS)


def database(cluster: Cluster, name: str) -> str:
    """A new database with the schema; its URL leads to whichever node leads."""
    with psycopg.connect(cluster.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    url = cluster.url.replace("/postgres?", f"/{name}?")
    migrate(Settings.load(url, environ={}))
    return url


def wait_for_another(leader: str) -> float:
    """The moment at which another node takes writes, as PostgreSQL itself says."""
    others = [node for node in NODES if f"node{node}" != leader]
    until = monotonic() + 3 * TTL
    while monotonic() < until:
        if any(in_recovery(node) is False for node in others):
            return monotonic()
        sleep(0.05)
    raise AssertionError("no other node leads")


def in_recovery(node: int) -> bool | None:
    """What its PostgreSQL says itself; None if it says nothing."""
    try:
        with psycopg.connect(f"postgresql://postgres@127.0.0.1:{own_ports(node).postgresql}/postgres") as connection:
            row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
    except psycopg.OperationalError:
        return None
    return None if row is None else bool(row[0])
