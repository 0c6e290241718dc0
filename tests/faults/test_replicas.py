"""What may be stale is read while the replica lags, is gone, and is promoted: never staler than the bound."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Thread
from time import monotonic, sleep
from typing import Final

import psycopg
import pytest

from atb_db.embedded import Server
from atb_db.repository import events
from atb_db.repository.server import get_server_state
from tests.database.conftest import note
from tests.database.test_replicas import settings
from tests.faults.breaking import start
from tests.faults.client import Client
from tests.faults.conftest import Record, only_in_full
from tests.faults.results import Line
from tests.faults.scene import begin_sessions
from tests.faults.standby import Pair, pair

pytestmark = only_in_full
BOUND: Final = 0.5
LASTS: Final = 3.0
AT_LEAST: Final = 50
"""Reads of the replica before the fault, and reads after it: a tenth of what a busy machine does."""


@dataclass
class Reads:
    """What comes of reading beside a writer."""

    seen: list[int] = field(default_factory=list)
    """Each read's number: that of the newest write it saw."""
    of_replica: int = 0
    """About as many were answered by it."""
    stalest: float = 0.0
    """Seconds for which something had been acknowledged that a read did not see, at the most."""


@pytest.fixture
def servers() -> Iterator[Pair]:
    """Of each test's own, as nothing comes after a promotion."""
    with pair(synchronous=False) as made:
        yield made


def read_beside_a_writer(client: Client, session_id: int, stop: Event, reads: Reads) -> None:
    acknowledged = deque([(monotonic(), 0)])

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
            reads.stalest = max(reads.stalest, began - acknowledged[0][0])
        reads.seen.append(seen)
        reads.of_replica += not client.run(get_server_state(), stale_ok=True).is_primary
    writer.join()


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
        assert connection.execute("SELECT pg_promote()").fetchone() == (True,)


def newest(server: Server) -> int:
    """The number of the last write that it has."""
    with psycopg.connect(server.url()) as connection:
        row = connection.execute("SELECT max(message::int) FROM system_events WHERE event_type = 'TEST'").fetchone()
        assert row is not None
        return int(row[0])


@pytest.mark.parametrize(
    ("name", "strike"),
    [("replica lags", pause), ("replica gone and back", stop_and_start), ("replica promoted", promote)],
    ids=["lags", "gone", "promoted"],
)
def test_no_read_is_staler_than_the_bound(
    servers: Pair,
    name: str,
    strike: Callable[[Server], None],
    is_async: bool,  # noqa: FBT001
    record: Record,
) -> None:
    primary, standby = servers
    conninfo = settings(servers, BOUND).replica_conninfo
    client = Client(primary.url(), is_async=is_async, pool_max=4, replica_conninfo=conninfo, replica_lag=BOUND)
    [session_id] = begin_sessions(primary.url(), 1)
    stop, reads = Event(), Reads()

    def attack() -> tuple[int, int]:
        """The number of reads of the replica before it, and of all reads until what the replica knew is too old."""
        try:
            sleep(LASTS / 4)
            before = reads.of_replica
            strike(standby)
            sleep(BOUND)
            until = len(reads.seen)
            sleep(LASTS / 2 - BOUND)
        finally:
            stop.set()
        return before, until

    with ThreadPoolExecutor(1) as threads:
        attacking = threads.submit(attack)
        read_beside_a_writer(client, session_id, stop, reads)
        before, until = attacking.result()
    client.close()
    found = f"{reads.of_replica} of {len(reads.seen)} reads of the replica, at most {reads.stalest:.2f} s stale"
    promised = f"nothing staler than {BOUND} s ({found})"
    record(Line(name, "async" if is_async else "sync", 1, errors="0", promised=promised))
    assert reads.stalest <= BOUND
    assert before > AT_LEAST
    assert len(reads.seen) > until + AT_LEAST
    if strike is promote:  # it calls itself a primary, too, but has nothing of what is written since
        assert min(reads.seen[until:]) > newest(standby)
