"""A world whose tables have grown: 10^5 trades, 2 * 10^5 decisions, and so on, spread over 500 of 2500 sessions."""

from __future__ import annotations

from typing import Final

SESSION: Final = 100
"""One of five LIVE sessions, all others are BACKTEST; half of its rows are of the strategy fill."""

# Rows as such: no trigger and no foreign key looks at them, and request_ids grow: hundreds of thousands take seconds.
FILL: Final = """
SET session_replication_role = replica;

CREATE FUNCTION pg_temp.key(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT lpad(to_hex(n), 32, '0')::uuid $$;

INSERT INTO trading_sessions (
    session_name, mode, strategy_name, symbol, timeframe, base_currency, start_time, initial_balance, current_balance,
    ledger_entries, end_time, final_balance, total_pnl, total_trades, max_drawdown
)
SELECT 'fill', CASE WHEN i % 100 = 97 AND i < 500 THEN 'LIVE' ELSE 'BACKTEST' END::trade_source, 'fill', 'X', '1h',
       'USDT', '2024-01-01Z', 1000, 1000, 1, '2025-01-01Z', 0, 0, 0, 0
  FROM generate_series(1, 2500) AS i;

UPDATE trading_sessions SET end_time = NULL, final_balance = NULL, total_pnl = NULL, total_trades = NULL,
       max_drawdown = NULL
 WHERE mode = 'LIVE';

INSERT INTO positions (
    session_id, symbol, side, status, planned_quantity, entry_time, quantity, original_quantity, exited_quantity,
    current_quantity, entry_notional, exit_notional, cost_basis, last_update, strategy_name, exit_time, exit_reason,
    request_id
)
SELECT s, 'X', 'LONG', state, 1, '2024-01-01Z', entered, entered, exited,
       entered - exited, entered, exited, entered - exited, '2024-01-01Z',
       CASE i % 2 WHEN 0 THEN 'fill' ELSE 'other' END,
       CASE state WHEN 'CLOSED' THEN '2024-01-02Z'::timestamptz END, CASE state WHEN 'CLOSED' THEN 'fill' END,
       pg_temp.key(s * 100 + i)
  FROM generate_series(4, 503) AS s, generate_series(0, 99) AS i,
       LATERAL (
           SELECT CASE WHEN i < 3 THEN 'OPEN' WHEN i = 3 THEN 'PLANNED' ELSE 'CLOSED' END::position_status AS state,
                  CASE i WHEN 3 THEN 0 ELSE 1 END AS entered,
                  CASE WHEN i > 3 THEN 1 ELSE 0 END AS exited
       ) AS p;

INSERT INTO orders (
    session_id, position_id, order_type, status, symbol, side, quantity, price, told_quantity, told_price, told_value,
    filled_quantity, filled_price, filled_units, filled_value,
    strategy_name, created_at, filled_at, last_update, internal_order_id, exchange_order_id, request_id
)
SELECT p.session_id, p.id, 'ENTRY', 'FILLED', 'X', 'LONG', 1, 1, 1, 1, 1, 1, 1, 1, 1, p.strategy_name, '2024-01-01Z',
       '2024-01-01Z', '2024-01-01Z', 'fill-' || p.id, 'fill-' || p.id, p.request_id
  FROM positions AS p
 WHERE p.session_id >= 4;

INSERT INTO order_fills (
    order_id, kind, exchange_fill_id, quantity, price, filled_at, position_id, is_booked, booked_quantity, booked_value
)
SELECT o.id, 'FILL', 'fill-' || i, 0.5, 1, '2024-01-01Z', CASE WHEN o.id % 20 > 0 THEN o.position_id END, o.id % 20 > 0,
       0.5, 0.5
  FROM orders AS o, generate_series(1, 2) AS i
 WHERE o.session_id >= 4;

INSERT INTO orders (
    session_id, order_type, status, symbol, side, quantity, created_at, last_update, internal_order_id
)
SELECT s, 'ENTRY', status::order_status, 'X', 'LONG', 1, '2024-01-01Z', '2024-01-01Z', status || i
  FROM generate_series(4, 503) AS s, generate_series(1, 2) AS i, unnest(ARRAY['PENDING', 'FAILED']) AS status;

INSERT INTO partial_trades (position_id, order_id, operation_type, size, quantity, price, pnl, timestamp, request_id)
SELECT p.id, o.id, 'PARTIAL_EXIT', 1, 1, 1, 0, p.exit_time, p.request_id
  FROM positions AS p
  JOIN orders AS o ON o.position_id = p.id
 WHERE p.session_id >= 4 AND p.status = 'CLOSED';

INSERT INTO trades (
    session_id, symbol, side, source, entry_price, exit_price, size, entry_time, exit_time, pnl, pnl_percent,
    exit_reason, strategy_name, request_id
)
SELECT s, 'X', 'LONG', 'BACKTEST', 1, 1, 1, '2024-01-01Z', '2024-01-01Z'::timestamptz + i * interval '1 hour',
       i % 3 - 1, 0, 'fill', CASE i % 2 WHEN 0 THEN 'fill' ELSE 'other' END, pg_temp.key(s * 200 + i)
  FROM generate_series(4, 503) AS s, generate_series(0, 199) AS i;

INSERT INTO account_balances (
    session_id, entry_number, entry_type, previous_balance, delta, total_balance, base_currency, update_reason,
    updated_by, last_updated, request_id
)
SELECT s, e, CASE e WHEN 1 THEN 'INITIAL' ELSE 'ADJUSTMENT' END::ledger_entry_type, 0, 0, 0, 'USDT', 'fill', 'fill',
       '2024-01-01Z', pg_temp.key(s * 100 + e)
  FROM generate_series(4, 503) AS s, generate_series(1, 100) AS e;

INSERT INTO account_history (session_id, timestamp, balance, equity, request_id)
SELECT s, '2024-01-01Z'::timestamptz + i * interval '1 hour', 1000, 1000 + i % 7, pg_temp.key(s * 200 + i)
  FROM generate_series(4, 503) AS s, generate_series(0, 199) AS i;

INSERT INTO system_events (session_id, timestamp, event_type, severity, message, request_id)
SELECT s, '2024-01-01Z'::timestamptz + i * interval '1 hour', 'ERROR', 'ERROR', 'fill', pg_temp.key(s * 100 + i)
  FROM generate_series(4, 503) AS s, generate_series(0, 99) AS i;

INSERT INTO strategy_executions (
    session_id, timestamp, strategy_name, symbol, signal_type, action_taken, price, request_id
)
SELECT s, '2024-01-01Z'::timestamptz + i * interval '1 minute', 'fill', 'X', 'hold', 'no_action', 1,
       pg_temp.key(s * 2000 + i)
  FROM generate_series(4, 503) AS s, generate_series(0, 399) AS i;

INSERT INTO performance_metrics (
    session_id, period, period_start, period_end, opening_balance, total_trades, winning_trades, losing_trades,
    gross_profit, gross_loss, commission, margin_interest_cost, best_trade_pnl, worst_trade_pnl,
    current_streak, largest_win_streak, largest_loss_streak, peak_balance, max_drawdown
)
SELECT s, 'DAILY', '2024-01-01Z'::timestamptz + i * interval '1 day', '2024-01-02Z'::timestamptz + i * interval '1 day',
       0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
  FROM generate_series(4, 503) AS s, generate_series(0, 29) AS i;

INSERT INTO dynamic_performance_metrics (
    session_id, timestamp, current_drawdown, consecutive_losses, consecutive_wins, risk_adjustment_factor
)
SELECT s, '2024-01-01Z'::timestamptz + i * interval '1 minute', 0, 0, 0, 1
  FROM generate_series(4, 503) AS s, generate_series(0, 29) AS i;

INSERT INTO risk_adjustments (
    session_id, timestamp, adjustment_type, trigger_reason, parameter_name, original_value, adjusted_value,
    adjustment_factor
)
SELECT s, '2024-01-01Z'::timestamptz + i * interval '1 minute', 'x', 'x', 'x', 1, 1, 1
  FROM generate_series(4, 503) AS s, generate_series(0, 29) AS i;

INSERT INTO optimization_cycles (session_id, timestamp, strategy_name, symbol, timeframe, baseline_metrics, decision)
SELECT s, '2024-01-01Z'::timestamptz + i * interval '1 minute', 'fill', 'X', '1h', '{}', 'x'
  FROM generate_series(4, 503) AS s, generate_series(0, 29) AS i;

INSERT INTO reconciliation_audit_events (session_id, timestamp, entity_type, entity_id, field, reason, severity)
SELECT s, '2024-01-01Z'::timestamptz + i * interval '1 minute', 'x', 'x', 'x', 'x', 'INFO'
  FROM generate_series(4, 503) AS s, generate_series(0, 29) AS i;
"""
