"""The oracle sees what is lost, doubled, half, or does not balance."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import psycopg
import pytest

from tests.faults.client import clients
from tests.faults.engine import Answered, Engine, trading
from tests.faults.oracle import Verdict, judge
from tests.faults.scene import Scene, begin_sessions

REPLICA = "SET session_replication_role = replica;"
COPY = "INSERT INTO system_events (session_id, event_type, message, request_hash, severity, timestamp)"


@pytest.mark.parametrize(
    ("tampering", "expected"),
    [
        ("SELECT", {}),
        ("DELETE FROM system_events WHERE event_type = 'TEST' AND message = 'engine-0'", {"lost": 1}),
        (f"{COPY} SELECT session_id, event_type, message, request_hash, severity, timestamp FROM system_events LIMIT 1",
         {"double": 1}),
        (f"{REPLICA} DELETE FROM order_fills WHERE id = (SELECT min(id) FROM order_fills WHERE kind = 'FILL')",
         {"lost": 1, "double": 1, "findings": 14}),
        (f"{REPLICA} DELETE FROM orders WHERE order_type = 'ENTRY' AND internal_order_id IS NULL",
         {"lost": 2, "halves": 2, "findings": 12}),
        # The schema refuses a balance that the ledger has not, so its checks must be away.
        ("SET session_replication_role = replica; UPDATE trading_sessions SET current_balance = current_balance + 1",
         {"findings": 2}),
    ],
)  # fmt: skip
def test_it_sees(scene: Scene, tmp_path: Path, tampering: str, expected: dict[str, int]) -> None:
    path = tmp_path / "engine"
    [session_id] = begin_sessions(scene.url, 1)
    with clients(is_async=False) as connect:
        Engine(connect(scene.url), trading(session_id, path.name, 1, rounds=2), path).work(Event())
    with psycopg.connect(scene.url, autocommit=True) as connection:
        connection.execute(tampering.encode())
    verdict = judge(scene.url, Answered.read(path))
    assert verdict.answers == 20
    assert verdict == Verdict(20, 0, 0, 0, 0)._replace(**expected)
    assert verdict.holds is not bool(expected)
