"""What may be stale is read while the replica lags, is gone, and is promoted: never staler than the bound."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from time import monotonic, sleep
from typing import Final, NamedTuple

import psycopg
import pytest

from atb_db.embedded import Server
from atb_db.repository import events
from atb_db.repository.server import get_server_state
from tests.database.conftest import note
from tests.database.test_replicas import servers, settings  # noqa: F401  a fixture
from tests.faults.breaking import start
from tests.faults.client import Client
from tests.faults.conftest import Record, only_in_full
from tests.faults.results import Line
from tests.faults.scene import begin_sessions

pytestmark = only_in_full
BOUND: Final = 0.5
LASTS: Final = 3.0


class Reads(NamedTuple):
    """What came of reading beside a writer."""

    all: int
    of_replica: int
    """About as many were answered by it."""
    stalest: float
    """Seconds for which something had been acknowledged that a read did not see, at the most."""


def read_beside_a_writer(client: Client, session_id: int, stop: Event) -> Reads:
    acknowledged = deque([(monotonic(), 0)])
    reads = of_replica = 0
    stalest = 0.0

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            client.run(note(session_id, str(number)))
            acknowledged.append((monotonic(), number))

    writer = Thread(target=write)
    writer.start()
    while not stop.is_set():
        began = monotonic()
        found = client.run(events.get_recent_events(session_id=session_id, limit=1), stale_ok=True)
        seen = int(found[0].message) if found and found[0].message.isdecimal() else 0
        while acknowledged and acknowledged[0][1] <= seen:
            acknowledged.popleft()
        if acknowledged and acknowledged[0][0] < began:
            stalest = max(stalest, began - acknowledged[0][0])
        reads += 1
        of_replica += not client.run(get_server_state(), stale_ok=True).is_primary
    writer.join()
    return Reads(reads, of_replica, stalest)


def pause(standby: Server) -> None:
    with psycopg.connect(standby.url(), autocommit=True) as connection:
        connection.execute("SELECT pg_wal_replay_pause()")
        sleep(LASTS / 2)
        connection.execute("SELECT pg_wal_replay_resume()")


def stop_and_start(standby: Server) -> None:
    standby.terminate()
    sleep(LASTS / 4)
    start(standby)


def promote(standby: Server) -> None:
    with psycopg.connect(standby.url(), autocommit=True) as connection:
        if connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,):
            connection.execute("SELECT pg_promote()")


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])  # first, as nothing comes after a promotion
@pytest.mark.parametrize(
    ("name", "strike"),
    [("replica lags", pause), ("replica gone and back", stop_and_start), ("replica promoted", promote)],
    ids=["lags", "gone", "promoted"],
)
def test_no_read_is_staler_than_the_bound(
    servers: tuple[Server, Server],  # noqa: F811
    name: str,
    strike: Callable[[Server], None],
    is_async: bool,  # noqa: FBT001
    record: Record,
) -> None:
    primary, standby = servers
    conninfo = settings(servers, BOUND).replica_conninfo
    client = Client(primary.url(), is_async=is_async, pool_max=4, replica_conninfo=conninfo, replica_lag=BOUND)
    [session_id] = begin_sessions(primary.url(), 1)
    stop = Event()

    def attack() -> None:
        try:
            sleep(LASTS / 4)
            strike(standby)
            sleep(LASTS / 2)
        finally:
            stop.set()

    with ThreadPoolExecutor(1) as threads:
        attacking = threads.submit(attack)
        reads = read_beside_a_writer(client, session_id, stop)
        attacking.result()
    client.close()
    found = f"{reads.of_replica} of {reads.all} reads of the replica, at most {reads.stalest:.2f} s stale"
    promised = f"nothing staler than {BOUND} s ({found})"
    record(Line(name, "async" if is_async else "sync", 1, errors="0", promised=promised))
    assert reads.stalest <= BOUND
    assert reads.all > 10
