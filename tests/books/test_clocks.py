"""Clocks that are wrong, set back, or pass the end of DST or of a leap year: what happened is recorded all the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from atb_db import Database
from atb_db.errors import InvalidInput, SessionHeld
from atb_db.repository import account, audit, events, orders, positions, sessions, trades
from tests.books.test_restart import claim, order

FOLDERS = (Path("/usr/lib"), *Path("/usr/lib").glob("*-linux-gnu*"), Path("/usr/local/lib"))
LIBRARY = next((found for root in FOLDERS if (found := root / "faketime" / "libfaketime.so.1").exists()), None)
needs_libfaketime = pytest.mark.skipif(LIBRARY is None, reason="libfaketime is missing (Debian: apt install faketime)")

ENGINE = """
import json, sys
from atb_db import Database
from atb_db.repository import account, events, orders, positions, sessions, trades

LEASE = 4

with Database.from_env() as db:
    held = db.run(sessions.resume_or_create(
        strategy_name="trend", symbol="BTCUSDT", timeframe="1h", mode="PAPER", initial_balance=1000,
        holder="engine-1", lease=LEASE,
    ))
    own = {"session_id": held.session_id, "token": held.token}
    market = {"symbol": "BTCUSDT", "side": "LONG"}
    short_form = db.run(positions.open_position(
        **own, **market, strategy_name="trend", entry_price=100, quantity=2, size="0.2",
    ))
    entry = db.run(orders.create_order(**own, **market, order_type="ENTRY", quantity=2, internal_order_id="entry"))
    db.run(orders.record_fill(order_id=entry, exchange_fill_id="1", quantity=1, price=100, token=held.token))
    db.run(account.log_account_snapshot(**own, balance=1000, equity=1000))
    print("open", flush=True)
    sys.stdin.readline()
    until = db.run(sessions.renew_hold(**own, lease=LEASE))
    print(json.dumps([held.expires_at.isoformat(), until.isoformat()]), flush=True)
    sys.stdin.readline()
    db.run(sessions.renew_hold(**own, lease=LEASE))
    db.run(orders.record_fill(order_id=entry, exchange_fill_id="2", quantity=1, price=102, token=held.token))
    active = db.run(positions.get_active_positions(session_id=held.session_id))
    [filled] = [one for one in active if one.id != short_form]
    db.run(positions.update_position(position_id=filled.id, current_price=105, token=held.token))
    db.run(positions.apply_partial_exit(position_id=filled.id, size="0.5", price=105, token=held.token))
    exit_order = db.run(orders.create_order(
        **own, **market, order_type="FULL_EXIT", quantity=1, position_id=filled.id, internal_order_id="exit",
    ))
    db.run(orders.record_fill(order_id=exit_order, exchange_fill_id="1", quantity=1, price=110, token=held.token))
    db.run(positions.close_position(position_id=short_form, exit_price=110, exit_reason="target", token=held.token))
    db.run(account.adjust_balance(**own, delta=-5, reason="test"))
    db.run(account.record_transfer(**own, amount=100, reason="test"))
    db.run(account.log_account_snapshot(**own, balance=1100, equity=1100))
    db.run(events.log_event(session_id=held.session_id, event_type="TEST", message="still here"))
    db.run(sessions.end_trading_session(**own))
    print("ended", flush=True)
"""


class Engine:
    """An engine in a process of its own, under a clock that can be set."""

    def __init__(self, url: str, clock: Path, time_zone: str) -> None:
        self.clock = clock
        environment = {
            **os.environ,
            "DATABASE_URL": url,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "TZ": time_zone,
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_NO_CACHE": "1",
            # As when a clock is corrected: deadlines go by another one.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", ENGINE],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def says(self) -> str:
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        return self.process.stdout.readline().strip() or self.process.stderr.read()

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


@pytest.fixture
def start_engine(fresh_url: str, tmp_path: Path) -> Iterator[object]:
    started: list[Engine] = []

    def start(clock: str, time_zone: str = "UTC") -> Engine:
        path = tmp_path / "clock"
        path.write_text(clock)
        started.append(Engine(fresh_url, path, time_zone))
        return started[-1]

    yield start
    for engine in started:
        engine.process.kill()
        engine.process.communicate()


@needs_libfaketime
@pytest.mark.parametrize(
    ("before", "after", "time_zone"),
    [
        pytest.param("+1h", "+0h", "UTC", marks=pytest.mark.slow),
        ("+0h", "-1h", "UTC"),
        pytest.param("+0h", "+1h", "UTC", marks=pytest.mark.slow),
        pytest.param("+0h", "-400d", "UTC", marks=pytest.mark.slow),
        ("@2024-10-27 02:59:58", "@2024-10-27 02:00:01", "Europe/Berlin"),
        pytest.param("@2024-03-31 01:59:58", "@2024-03-31 03:00:01", "Europe/Berlin", marks=pytest.mark.slow),
        pytest.param("@2024-11-03 01:59:58", "@2024-11-03 01:00:01", "America/New_York", marks=pytest.mark.slow),
        ("@2024-02-28 23:59:58", "@2024-02-29 00:00:01", "UTC"),
        pytest.param("@2024-02-29 23:59:58", "@2024-03-01 00:00:01", "UTC", marks=pytest.mark.slow),
        pytest.param("@2024-03-01 00:00:01", "@2024-02-29 23:59:58", "UTC", marks=pytest.mark.slow),
        pytest.param("@2024-12-31 23:59:58", "@2025-01-01 00:00:01", "UTC", marks=pytest.mark.slow),
        pytest.param("@2023-02-28 23:59:58", "@2023-03-01 00:00:01", "UTC", marks=pytest.mark.slow),
    ],
)
def test_whatever_the_clock_shows_it_is_recorded(
    fresh_db: Database, start_engine: object, before: str, after: str, time_zone: str
) -> None:
    assert callable(start_engine)
    engine = start_engine(before, time_zone)
    assert engine.says() == "open"
    engine.clock.write_text(after)
    is_set = before.startswith("@")
    time.sleep(0.3 if is_set else 2)  # so much later the hold ends that is renewed now
    engine.go_on()
    expired_at, renewed_until = map(datetime.fromisoformat, json.loads(engine.says()))
    # By the server's clock, whose engine thinks otherwise.
    assert expired_at < renewed_until
    assert abs(renewed_until - datetime.now(UTC) - timedelta(seconds=4)) < timedelta(seconds=3)
    if not is_set:
        time.sleep(max(0, (expired_at - datetime.now(UTC)).total_seconds()) + 0.1)
        with pytest.raises(SessionHeld, match="is held by engine-1"):
            fresh_db.run(claim("engine-2"))
    engine.go_on()
    assert engine.says() == "ended"
    assert engine.process.wait(timeout=60) == 0

    session = fresh_db.run(sessions.get_trading_session(session_id=1))
    assert session.end_time is not None
    assert session.end_time >= session.start_time
    # 2 of 100 and 102, half at 105, the rest at 110; 2 of 100 at 110; -5, +100.
    assert session.final_balance == 1000 + (5 + 9 - 1) + 20 - 5 + 100
    logged = fresh_db.run(trades.get_recent_trades(session_id=1))
    assert len(logged) == 2
    assert all(trade.exit_time >= trade.entry_time for trade in logged)
    assert fresh_db.run_batch(audit.audit_session(session_id=1)).findings == []


def test_an_hour_back_needs_no_fake_clock(fresh_db: Database) -> None:
    """The same in one process: every moment that an engine gives lies before what it gave last."""
    held = fresh_db.run(claim("engine-1"))
    earlier = datetime.now(UTC) - timedelta(hours=1)
    position_id = fresh_db.run(
        positions.open_position(
            session_id=held.session_id,
            symbol="BTCUSDT",
            side="LONG",
            strategy_name="trend",
            entry_price=100,
            quantity=1,
            entry_commission=1,
        )
    )
    fresh_db.run(
        positions.close_position(position_id=position_id, exit_price=110, exit_reason="target", exit_time=earlier)
    )
    closed = fresh_db.run(positions.get_position(position_id=position_id))
    assert closed.exit_time == closed.entry_time
    fresh_db.run(
        trades.log_trade(
            session_id=held.session_id,
            symbol="BTCUSDT",
            side="LONG",
            entry_price=1,
            exit_price=2,
            size="0.1",
            entry_time=earlier + timedelta(minutes=1),
            exit_time=earlier,
            pnl=1,
            exit_reason="target",
            strategy_name="trend",
        )
    )
    fresh_db.run(
        trades.log_trades(
            session_id=held.session_id,
            trades=[
                trades.NewTrade(
                    "BTCUSDT", "LONG", 1, 2, "0.1", earlier + timedelta(minutes=1), earlier, 1, "target", "trend"
                )
            ],
        )
    )
    assert all(one.exit_time >= one.entry_time for one in fresh_db.run(trades.get_recent_trades(session_id=1)))
    end = sessions.end_trading_session(session_id=held.session_id, end_time=earlier)
    assert [fresh_db.run(end), fresh_db.run(end)] == [held.session_id] * 2
    session = fresh_db.run(sessions.get_trading_session(session_id=held.session_id))
    assert session.end_time == session.start_time
    [stop] = [
        one
        for one in fresh_db.run(events.get_recent_events(session_id=held.session_id))
        if one.event_type == "ENGINE_STOP"
    ]
    assert stop.timestamp == session.end_time
    assert fresh_db.run_batch(audit.audit_session(session_id=held.session_id)).findings == []


def test_a_server_clock_that_is_set_back_lets_holds_go(fresh_db: Database, fresh_url: str) -> None:
    """The hold was renewed an hour from now, by what is now the server's clock: it is released all the same."""
    for give_up in ("release", "end"):
        held = fresh_db.run(claim("engine-1"))
        with psycopg.connect(fresh_url, autocommit=True) as owner:
            owner.execute(
                "UPDATE session_holds SET renewed_at = now() + interval '1 h', expires_at = now() + interval '2 h'"
            )
        if give_up == "release":
            fresh_db.run(sessions.release_hold(session_id=held.session_id, token=held.token))
        else:
            fresh_db.run(sessions.end_trading_session(session_id=held.session_id, token=held.token))
        hold = fresh_db.run(sessions.get_hold(session_id=held.session_id))
        assert hold is not None
        assert not hold.is_held


@pytest.mark.parametrize("moment", [datetime(1970, 1, 1, tzinfo=UTC), datetime(2009, 1, 2, tzinfo=UTC)], ids=str)
def test_an_exchange_time_that_was_never_set_is_refused_by_name(fresh_db: Database, moment: datetime) -> None:
    held = fresh_db.run(claim("engine-1"))
    order_id = order(fresh_db, held.session_id, "mine")
    with pytest.raises(InvalidInput, match="before 2009") as caught:
        fresh_db.run(orders.record_fill(order_id=order_id, exchange_fill_id="1", quantity=1, price=1, filled_at=moment))
    assert caught.value.field == "filled_at"
    with pytest.raises(InvalidInput, match="before 2009") as caught:
        fresh_db.run(orders.update_order_status(order_id=order_id, status="OPEN", timestamp=moment))
    assert caught.value.field == "timestamp"
    # A backtest's clock is no exchange's.
    fresh_db.run(
        positions.open_position(
            session_id=held.session_id,
            symbol="BTCUSDT",
            side="LONG",
            strategy_name="trend",
            entry_price=1,
            quantity=1,
            entry_time=moment,
        )
    )
    assert fresh_db.run(account.get_current_balance(session_id=held.session_id)) == 1000
