"""Engines killed at any moment, on a full disk, or by a server that goes: what was acknowledged is stored once."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from time import sleep

import psycopg
import pytest

from atb_db import Database, Journal
from atb_db.errors import JournalUnusable
from atb_db.journal import read_status
from tests.faults.conftest import FULL, Record
from tests.faults.proxy import proxied
from tests.faults.results import Line

ROOT = Path(__file__).parents[2]
ENGINES = 100 if FULL else 8


@pytest.mark.parametrize("kind", ["sync", pytest.param("async", marks=pytest.mark.slow)])
def test_engines_killed_at_random_moments(
    *, url: str, db: Database, start_session: Callable[..., int], tmp_path: Path, chance: Random, kind: str
) -> None:
    session_id = start_session("1000000")
    path, seed = tmp_path / "journal", str(chance.getrandbits(32))
    with proxied(url) as proxy:
        engines = subprocess.Popen(
            [sys.executable, "-m", "tests.journal.engines", kind, path, proxy.url, str(session_id), seed, str(ENGINES)],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        while engines.poll() is None:
            sleep(chance.uniform(0.1, 0.6))
            proxy.refuse()
            sleep(chance.uniform(0.05, 0.4))
            proxy.listen()
        _, errors = engines.communicate()
        assert engines.returncode == 0, errors
    assert "Traceback" not in errors
    left = read_status(path)
    assert left.set_aside == 0
    with Journal(path, db) as journal:
        assert journal.replay() == (left.waiting, 0, 0, None)
    acknowledged = (tmp_path / "journal.acknowledged").read_text().split()
    assert acknowledged
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT request_id::text FROM system_events WHERE session_id = %(id)s AND event_type = 'TEST' "
            "UNION ALL SELECT request_id::text FROM account_balances WHERE session_id = %(id)s AND delta = -1",
            {"id": session_id},
        ).fetchall()
        balance = connection.execute(
            "SELECT current_balance, (SELECT sum(delta) FROM account_balances WHERE session_id = %(id)s) "
            "FROM trading_sessions WHERE id = %(id)s",
            {"id": session_id},
        ).fetchone()
    stored = Counter(str(request_id) for (request_id,) in found)
    lost = sum(not stored[request_id] for request_id in acknowledged)
    double = sum(number > 1 for number in stored.values())
    counts = ENGINES, len(acknowledged), lost, double
    Record()(Line("engines with a journal killed during outages", kind, *counts, errors="0"))
    assert {stored[request_id] for request_id in acknowledged} == {1}
    assert set(stored.values()) == {1}
    # The one that each engine was killed over may be stored, and nothing else.
    assert len(stored) - len(acknowledged) <= ENGINES
    assert balance is not None
    assert balance[0] == balance[1]


FILLING = """
import resource, sys
from pathlib import Path
from atb_db.errors import ResourceFull
from atb_db.journal.queue import Queue
from atb_db.repository import events

queue = Queue(Path(sys.argv[1]), 1 << 30)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
taken = 0
try:
    while True:
        queue.append(events.log_event(event_type="TEST", message="x" * 100))
        taken += 1
except ResourceFull as error:
    assert "no room" in str(error), error
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
queue.append(events.log_event(event_type="TEST", message="there is room again"))
print(taken)
"""


def test_a_full_disk_is_told_and_leaves_nothing_half(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    done = subprocess.run(
        [sys.executable, "-c", FILLING, str(path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    taken = int(done.stdout)
    assert taken > 1
    assert read_status(path)[2:4] == (taken + 1, 0)


@pytest.mark.parametrize("place", ["journal", "missing/journal", ""])
def test_a_place_that_cannot_be_written_is_told(db: Database, tmp_path: Path, place: str) -> None:
    (tmp_path / "journal").mkdir()
    with pytest.raises(JournalUnusable, match=r"cannot be used|is no regular file"):
        Journal(tmp_path / place, db)
