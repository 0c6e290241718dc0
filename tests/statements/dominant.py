"""A world in which one session has nine tenths of everything: what it reads must not grow with it."""

from __future__ import annotations

from typing import Final

DAYS: Final = 40
"""Days that the session has traded."""

TRADES: Final = 20_000
"""Trades and snapshots of all sessions; orders are twice as many."""

# Rows as such: no trigger and no foreign key looks at them; what is kept beside them is computed afterwards.
FILL: Final = f"""
SET session_replication_role = replica;

INSERT INTO trading_sessions (
    session_name, mode, strategy_name, symbol, timeframe, base_currency, start_time, initial_balance, current_balance,
    ledger_entries
)
SELECT 'dominant ' || i, 'PAPER', 'dominant', 'X' || i, '1h', 'USDT', '2024-01-01Z', 10000, 10000, 1
  FROM generate_series(1, 10) AS i;

CREATE TEMPORARY VIEW spread AS
SELECT i, s.id AS session_id, '2024-01-01Z'::timestamptz + i * {DAYS} * interval '24 hours' / {TRADES} AS moment
  FROM generate_series(0, {TRADES} - 1) AS i
  JOIN trading_sessions AS s
    -- A tenth of the rows are those of the other nine.
    ON s.session_name = 'dominant ' || CASE WHEN i % 10 > 0 THEN 1 ELSE 2 + i / 10 % 9 END;

INSERT INTO positions (
    session_id, symbol, side, status, planned_quantity, entry_time, quantity, original_quantity, exited_quantity,
    current_quantity, entry_notional, exit_notional, cost_basis, entry_price, exit_price, size, realized_pnl,
    last_update, strategy_name, exit_time, exit_reason
)
SELECT session_id, 'X' || i % 3, 'LONG', CASE held WHEN 1 THEN 'OPEN' ELSE 'CLOSED' END::position_status, 1,
       moment, 1, 1, 1 - held, held, 100, 101 * (1 - held), 100 * held, 100, 101, 0.1, 1 - held, moment,
       'strategy ' || i % 2, CASE held WHEN 0 THEN moment + interval '1 minute' END, CASE held WHEN 0 THEN 'target' END
  FROM (SELECT i, session_id, moment, (i % 5000 = 1)::integer AS held FROM spread) AS s;

INSERT INTO orders (
    session_id, position_id, order_type, status, symbol, side, quantity, price, told_quantity, told_price, told_value,
    filled_quantity, filled_price, filled_units, filled_value, strategy_name, created_at, filled_at, last_update,
    internal_order_id
)
SELECT p.session_id, p.id, kind, 'FILLED', p.symbol, 'LONG', 1, 100, 1, 101, 101, 1, 101, 1, 101, p.strategy_name,
       p.entry_time, p.entry_time, p.entry_time, kind || ' ' || p.id
  FROM positions AS p
 CROSS JOIN unnest(ARRAY['ENTRY', 'PARTIAL_EXIT']::order_type[]) AS kind
 WHERE p.strategy_name LIKE 'strategy %' AND (kind = 'ENTRY' OR p.id % 10 = 0);

INSERT INTO orders (
    session_id, order_type, status, symbol, side, quantity, strategy_name, created_at, cancelled_at, last_update,
    internal_order_id
)
SELECT session_id, 'ENTRY', CASE WHEN i % 100 = 1 THEN 'FAILED' ELSE 'EXPIRED' END::order_status, 'X' || i % 3, 'LONG',
       1, 'strategy ' || i % 2, moment, moment, moment, 'expired ' || i
  FROM spread;

INSERT INTO order_fills (
    order_id, kind, filled_at, position_id, is_booked, booked_quantity, booked_value
)
SELECT id, 'CHANGE', filled_at, position_id, TRUE, 1, 101
  FROM orders
 WHERE status = 'FILLED' AND strategy_name LIKE 'strategy %';

INSERT INTO partial_trades (position_id, order_id, operation_type, size, quantity, price, pnl, timestamp)
SELECT position_id, id, 'PARTIAL_EXIT', 0.1, 0.1, 101, 0.1,
       -- Its order had a fill later on that is in no position.
       filled_at - id % 7 * interval '1 hour'
  FROM orders
 WHERE order_type = 'PARTIAL_EXIT' AND strategy_name LIKE 'strategy %';

INSERT INTO trades (
    session_id, position_id, symbol, side, source, entry_price, exit_price, size, quantity, entry_time, exit_time, pnl,
    pnl_percent, commission, exit_reason, strategy_name
)
SELECT session_id, id, symbol, 'LONG', 'PAPER', 100, 101, 0.1, 1, entry_time, exit_time, id * 7919 % 21 - 10, 1, 0.1,
       'reason ' || id % 4, strategy_name
  FROM positions
 WHERE strategy_name LIKE 'strategy %' AND status = 'CLOSED';

-- What counts the trades of a day; the figures beside it are read by nothing here.
INSERT INTO performance_metrics (
    session_id, period, period_start, period_end, opening_balance, total_trades, winning_trades, losing_trades,
    gross_profit, gross_loss, commission, margin_interest_cost, best_trade_pnl, worst_trade_pnl, current_streak,
    largest_win_streak, largest_loss_streak, peak_balance, max_drawdown
)
SELECT session_id, 'DAILY', date_trunc('day', exit_time, 'UTC'), date_trunc('day', exit_time, 'UTC') + interval '1 day',
       10000, count(*), 0, 0, 0, 0, sum(commission), 0, max(pnl), min(pnl), 0, 0, 0, 10000, 0
  FROM trades
 WHERE strategy_name LIKE 'strategy %'
 GROUP BY session_id, date_trunc('day', exit_time, 'UTC');

INSERT INTO account_history (session_id, timestamp, balance, equity)
SELECT session_id, moment, 10000, 10000 + i * 7919 % 401 + i / 100
  FROM spread;

INSERT INTO account_balances (
    session_id, entry_number, entry_type, previous_balance, amount, delta, total_balance, base_currency, update_reason,
    updated_by, last_updated
)
SELECT session_id, number, CASE number WHEN 1 THEN 'INITIAL' ELSE 'ADJUSTMENT' END::ledger_entry_type,
       CASE number WHEN 1 THEN 0 ELSE 10000 END, start, start, 10000, 'USDT', 'x', 'x', moment
  FROM (SELECT session_id, moment, row_number() OVER (PARTITION BY session_id ORDER BY i) AS number FROM spread) AS s
 CROSS JOIN LATERAL (SELECT CASE number WHEN 1 THEN 10000 ELSE 0 END) AS f (start);

UPDATE trading_sessions AS s
   SET ledger_entries = (SELECT max(entry_number) FROM account_balances AS l WHERE l.session_id = s.id)
 WHERE session_name LIKE 'dominant %';

INSERT INTO system_events (session_id, timestamp, event_type, severity, message)
SELECT session_id, moment, 'ERROR', CASE WHEN i % 2 = 0 THEN 'INFO' ELSE 'ERROR' END::severity, 'x' FROM spread;

INSERT INTO strategy_executions (session_id, timestamp, strategy_name, symbol, signal_type, action_taken, price)
SELECT session_id, moment, 'strategy ' || i % 2, 'X' || i % 3, 'hold', 'no_action', 1 FROM spread;

INSERT INTO dynamic_performance_metrics (
    session_id, timestamp, current_drawdown, consecutive_losses, consecutive_wins, risk_adjustment_factor
)
SELECT session_id, moment, 0, 0, 0, 1 FROM spread;

INSERT INTO risk_adjustments (
    session_id, timestamp, adjustment_type, trigger_reason, parameter_name, original_value, adjusted_value,
    adjustment_factor
)
SELECT session_id, moment, 'x', 'x', 'x', 1, 1, 1 FROM spread;

INSERT INTO optimization_cycles (session_id, timestamp, strategy_name, symbol, timeframe, baseline_metrics, decision)
SELECT session_id, moment, 'strategy ' || i % 2, 'X' || i % 3, '1h', '{{}}', 'x' FROM spread;

INSERT INTO reconciliation_audit_events (session_id, timestamp, entity_type, entity_id, field, reason, severity)
SELECT session_id, moment, 'x', 'x', 'x', 'x', 'INFO' FROM spread;

DROP VIEW spread;
SET session_replication_role = DEFAULT;
"""

OF_IT: Final = "SELECT id FROM trading_sessions WHERE session_name = 'dominant 1'"
