"""What the books keep: the figures that they add up with every trade, in updates that touch no index."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from time import monotonic, sleep

import psycopg
import pytest

from atb_db import Database
from atb_db.errors import NotFound
from atb_db.repository import metrics, positions, sessions, trades
from tests.statements.examples import START, at, trade

SHARED = (
    *("total_trades", "winning_trades", "losing_trades", "gross_profit", "gross_loss", "gross_pnl", "commission"),
    *("margin_interest_cost", "funding", "net_pnl", "win_rate", "profit_factor", "expectancy", "avg_win", "avg_loss"),
    *(
        "best_trade_pnl",
        "worst_trade_pnl",
        "current_streak",
        "largest_win_streak",
        "largest_loss_streak",
    ),
)

UPDATES = "SELECT relname, n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE n_tup_upd > 0"


def test_the_kept_figures_are_those_of_a_computation(db: Database, session_id: int) -> None:
    assert db.run(metrics.get_total_metrics(session_id=session_id)) is None
    for number, pnl in enumerate((5, -3, 0, 7, 2, -20, 4)):
        db.run(trade(session_id, exit_time=at(number + 1), pnl=pnl))
    kept = db.run(metrics.get_total_metrics(session_id=session_id))
    computed = db.run(metrics.get_performance_metrics(session_id=session_id))
    assert kept is not None
    assert kept.opening_balance == 1000
    for name in SHARED:
        assert abs(getattr(kept, name) - getattr(computed, name)) < Decimal("1e-12"), name


def test_the_kept_figures_of_an_unknown_session_are_an_error(db: Database) -> None:
    with pytest.raises(NotFound):
        db.run(metrics.get_total_metrics(session_id=2**62))


def test_updates_are_hot(fresh_url: str) -> None:
    """But for the one that closes a position, which takes it out of the index of open ones."""
    trades_logged, moves = 100, 10
    with Database(fresh_url) as own:
        session_id = own.run(
            sessions.create_trading_session(
                strategy_name="test", symbol="X", timeframe="1h", mode="PAPER", initial_balance=1000, start_time=START
            )
        )
        for number in range(trades_logged):
            own.run(trade(session_id, exit_time=at(number / 100), pnl=1))
        position_id = own.run(
            positions.open_position(
                session_id=session_id, symbol="X", side="LONG", entry_price=100, size=1, quantity=1,
                strategy_name="test", entry_order_id="entry", entry_time=at(0),
            )
        )  # fmt: skip
        for number in range(moves):
            own.run(positions.update_position(position_id=position_id, current_price=100 + number))
        own.run(positions.close_position(position_id=position_id, exit_price=101, exit_time=at(1), exit_reason="test"))
        own.run(trades.get_recent_trades(session_id=session_id))
    # The backends count on their way out.
    due = {
        "performance_metrics": (2 * trades_logged, 2 * trades_logged),
        "positions": (moves + 1, moves),
        "trading_sessions": (trades_logged + 1, trades_logged + 1),
    }
    assert settled(fresh_url, lambda found: found.keys() == due.keys() and found["positions"][0] == moves + 1) == due


def settled(url: str, enough: Callable[[dict[str, tuple[int, int]]], bool]) -> dict[str, tuple[int, int]]:
    """Updates of each table and how many were HOT, once they are told."""
    until = monotonic() + 10
    with psycopg.connect(url, autocommit=True) as connection:
        while True:
            found = {table: (updates, hot) for table, updates, hot in connection.execute(UPDATES)}
            if enough(found) or monotonic() > until:
                return found
            sleep(0.05)
