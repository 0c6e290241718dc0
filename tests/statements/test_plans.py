"""Hot reads use their index, however large the tables have grown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from atb_db.repository import account, events, metrics, orders, positions, sessions, trades
from atb_db.statement import Statement
from tests.statements.examples import START, World
from tests.statements.worlds import MakeDatabase

SESSION = 1

# Ten sessions of a thousand rows each in every table, all positions but three closed, all orders but thirty final.
FILL = """
INSERT INTO trading_sessions (
    session_name, mode, strategy_name, symbol, timeframe, base_currency, start_time, initial_balance, current_balance,
    ledger_entries, end_time, final_balance, total_pnl, total_trades, max_drawdown
)
SELECT 'old', 'BACKTEST', 'old', 'X', '1h', 'USDT', '2020-01-01Z', 0, 0, 1, '2020-01-02Z', 0, 0, 0, 0
  FROM generate_series(1, 2000);

INSERT INTO positions (
    session_id, symbol, side, status, entry_price, entry_time, size, original_size, current_size, quantity,
    original_quantity, current_quantity, entry_notional, last_update, strategy_name, exit_price, exit_time, exit_reason
)
SELECT 1 + i % 10, 'X', 'LONG', 'CLOSED', 1, '2024-01-01Z', 1, 1, 1, 1, 1, 1, 1, '2024-01-01Z', 'fill', 1,
       '2024-01-02Z', 'fill'
  FROM generate_series(1, 10000) AS i;

INSERT INTO orders (
    session_id, position_id, order_type, status, symbol, side, quantity, filled_quantity, filled_price, created_at,
    filled_at, last_update
)
SELECT p.session_id, p.id, 'ENTRY', 'FILLED', 'X', 'LONG', 1, 1, 1, '2024-01-01Z', '2024-01-01Z', '2024-01-01Z'
  FROM positions AS p
 WHERE p.strategy_name = 'fill';

INSERT INTO orders (session_id, order_type, status, symbol, side, quantity, created_at, last_update)
SELECT 1 + i % 10, 'ENTRY', 'PENDING', 'X', 'LONG', 1, '2024-01-01Z', '2024-01-01Z'
  FROM generate_series(1, 30) AS i;

INSERT INTO trades (
    session_id, symbol, side, source, entry_price, exit_price, size, entry_time, exit_time, pnl, pnl_percent,
    exit_reason, strategy_name
)
SELECT 1 + i % 10, 'X', 'LONG', 'BACKTEST', 1, 1, 1, '2024-01-01Z',
       '2024-01-01Z'::timestamptz + i * interval '1 minute', 0, 0, 'fill', 'fill'
  FROM generate_series(1, 10000) AS i;

INSERT INTO account_balances (
    session_id, entry_number, entry_type, previous_balance, delta, total_balance, base_currency, update_reason,
    updated_by, last_updated
)
SELECT 20 + s, e, CASE e WHEN 1 THEN 'INITIAL' ELSE 'ADJUSTMENT' END::ledger_entry_type, 0, 0, 0, 'USDT', 'fill',
       'fill', '2024-01-01Z'
  FROM generate_series(1, 10) AS s, generate_series(1, 1000) AS e;

INSERT INTO account_history (session_id, timestamp, balance, equity)
SELECT 1 + i % 10, '2024-01-01Z'::timestamptz + i * interval '1 minute', 1, 1 FROM generate_series(1, 10000) AS i;

INSERT INTO system_events (session_id, timestamp, event_type, severity, message)
SELECT 1 + i % 10, '2024-01-01Z'::timestamptz + i * interval '1 minute', 'TEST', 'INFO', 'fill'
  FROM generate_series(1, 10000) AS i;

INSERT INTO performance_metrics (
    session_id, period, period_start, period_end, opening_balance, total_trades, winning_trades, losing_trades,
    gross_profit, gross_loss, commission, margin_interest_cost, best_trade_pnl, worst_trade_pnl, current_streak,
    largest_win_streak, largest_loss_streak, peak_balance, max_drawdown
)
SELECT 1 + i % 10, 'DAILY', '2000-01-01Z'::timestamptz + i * interval '1 day',
       '2000-01-02Z'::timestamptz + i * interval '1 day', 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
  FROM generate_series(1, 10000) AS i;
"""

HOT: dict[str, tuple[Statement[object], set[str]]] = {
    "open positions": (
        positions.get_active_positions(session_id=SESSION),
        {"positions_open_idx", "orders_position_id_idx"},
    ),
    "one position": (positions.get_position(position_id=1), {"positions_pkey", "orders_position_id_idx"}),
    "a position's orders": (orders.get_orders_for_position(position_id=1), {"orders_position_id_idx"}),
    "pending orders": (orders.get_pending_orders(session_id=SESSION), {"orders_pending_idx"}),
    "recent trades": (trades.get_recent_trades(session_id=SESSION), {"trades_session_id_exit_time_idx"}),
    "trades since": (
        trades.get_trades_since(session_id=SESSION, since=START),
        {"trades_session_id_exit_time_idx"},
    ),
    "recent events": (events.get_recent_events(session_id=SESSION), {"system_events_session_id_timestamp_idx"}),
    "the ledger": (account.get_balance_history(session_id=SESSION), {"account_balances_entry_number_key"}),
    "the balance": (account.get_current_balance(session_id=SESSION), {"trading_sessions_pkey"}),
    "one session": (sessions.get_trading_session(session_id=SESSION), {"trading_sessions_pkey"}),
    "active sessions": (sessions.get_active_sessions(), {"trading_sessions_active_idx"}),
    "days": (metrics.get_daily_metrics(session_id=SESSION), {"performance_metrics_pkey"}),
}


# Both begin with the id.
_SAME = {"positions_id_session_id_key": "positions_pkey"}


@pytest.fixture(scope="module")
def connection(make_world: MakeDatabase, world: World) -> Iterator[psycopg.Connection]:
    """A database with large tables."""
    assert world.session_id == SESSION
    with psycopg.connect(make_world(), autocommit=True) as connection:
        # Chains of the ledger would have to be inserted one by one.
        connection.execute("ALTER TABLE account_balances DROP CONSTRAINT account_balances_chain_fkey")
        connection.execute(FILL)
        connection.execute("VACUUM ANALYZE")
        yield connection


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("read", HOT)
def test_it_uses_its_index(connection: psycopg.Connection, read: str, mode: str) -> None:
    statement, indexes = HOT[read]
    connection.execute(f"SET plan_cache_mode = {mode}")
    connection.execute(b"PREPARE hot AS " + statement.sql.encode())
    try:
        values = ", ".join(f"'{value}'" if value is not None else "NULL" for value in statement.server_values())
        execute = f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE hot {f'({values})' if values else ''}"
        found = connection.execute(execute.encode()).fetchone()
    finally:
        connection.execute("DEALLOCATE hot")
    assert found is not None
    plan = list(nodes(found[0][0]["Plan"]))
    assert [node["Relation Name"] for node in plan if node["Node Type"] == "Seq Scan"] == []
    used = {node["Index Name"] for node in plan if "Index Name" in node}
    assert {_SAME.get(index, index) for index in used} == indexes
    # Nothing but what is asked for, and at most a few rows more, is read.
    assert all(node.get("Rows Removed by Filter", 0) <= 10 for node in plan)
