"""What docs/frames.md shows is run."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from atb_db import Database
from atb_db.repository import positions, sessions
from tests.docs.test_readme import blocks


def test_the_example_prints_what_it_says(fresh_url: str, fresh_db: Database) -> None:
    pytest.importorskip("polars")
    pytest.importorskip("pandas")
    session_id = fresh_db.run(
        sessions.create_trading_session(
            strategy_name="s",
            symbol="BTCUSDT",
            timeframe="1h",
            mode="PAPER",
            initial_balance=1000,
            start_time=datetime(2024, 1, 1, tzinfo=UTC),
        )
    )
    first, _ = (
        fresh_db.run(
            positions.open_position(
                session_id=session_id, symbol=symbol, side="LONG", entry_price=100, quantity=1, strategy_name="s"
            )
        )
        for symbol in ("BTCUSDT", "ETHUSDT")
    )
    fresh_db.run(positions.close_position(position_id=first, exit_price=101, exit_reason="target"))
    done = subprocess.run(
        [sys.executable, "-c", blocks("docs/frames.md")],
        env=os.environ | {"DATABASE_URL": fresh_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()) == (0, ["True", "True"]), done.stderr
