"""kill -9 after each step of a round trip: the restarted engine finishes it, nothing lost and nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from atb_db import Database
from atb_db.repository import account, audit, orders, positions, sessions, trades
from tests.exchange.engine import STEPS


def trade(url: str, exchange: Path, way: str, *, kill_after: str | None = None) -> int:
    environ = os.environ | ({"KILL_AFTER": kill_after} if kill_after else {})
    return subprocess.run(
        [sys.executable, "-m", "tests.exchange.engine", url, str(exchange), way], env=environ, check=False
    ).returncode


# In turns: the other way of each step takes long and seldom fails alone.
@pytest.mark.parametrize(
    ("step", "way"),
    [
        pytest.param(step, way, marks=[pytest.mark.slow] if (number + (way == "tasks")) % 2 else [])
        for number, step in enumerate(STEPS)
        for way in ("threads", "tasks")
    ],
)
def test_a_killed_engine_finishes_its_trade(fresh_url: str, tmp_path: Path, way: str, step: str) -> None:
    assert trade(fresh_url, tmp_path / "exchange", way, kill_after=step) == -signal.SIGKILL
    if step != STEPS[-1]:
        assert trade(fresh_url, tmp_path / "exchange", way) == 0
    with Database(fresh_url) as db:
        [session] = db.run(sessions.get_active_sessions())
        [done] = db.run(trades.get_recent_trades(session_id=session.id))
        assert (done.quantity, done.pnl, done.commission) == (Decimal(1), Decimal("9.4"), Decimal("0.3"))
        assert db.run(account.get_current_balance(session_id=session.id)) == Decimal("1009.1")
        assert done.position_id is not None
        held = db.run(positions.get_position(position_id=done.position_id))
        assert [len(held.orders), held.stop_loss] == [2, Decimal(90)]
        assert db.run(orders.get_pending_orders(session_id=session.id)) == []
        assert db.run(orders.get_unbooked_orders(session_id=session.id)) == []
        assert db.run_batch(audit.audit_session(session_id=session.id)).findings == []
