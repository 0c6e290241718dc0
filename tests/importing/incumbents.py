"""Small databases of the incumbent's later generation, with the columns that an import reads."""

from __future__ import annotations

from typing import Final

SCHEMA: Final = """
CREATE TABLE trading_sessions (
    id integer PRIMARY KEY, session_name text, start_time timestamp, end_time timestamp, is_active boolean, mode text,
    initial_balance numeric, final_balance numeric, strategy_name text, strategy_config jsonb, symbol text,
    timeframe text, exchange text, total_pnl numeric, win_rate numeric, max_drawdown numeric
);
CREATE TABLE positions (
    id integer PRIMARY KEY, symbol text, side text, status text, entry_price numeric, size numeric, quantity numeric,
    entry_balance numeric, original_size numeric, current_size numeric, stop_loss numeric, take_profit numeric,
    trailing_stop boolean, entry_time timestamp, last_update timestamp, current_price numeric, unrealized_pnl numeric,
    strategy_name text, confidence_score numeric, exchange text, session_id integer
);
CREATE TABLE orders (
    id integer PRIMARY KEY, position_id integer, order_type text, status text, exchange_order_id text,
    internal_order_id text, client_order_id text, symbol text, side text, quantity numeric, price numeric,
    filled_quantity numeric, filled_price numeric, commission numeric, created_at timestamp, filled_at timestamp,
    cancelled_at timestamp, last_update timestamp, strategy_name text, session_id integer
);
CREATE TABLE partial_trades (
    id integer PRIMARY KEY, position_id integer, operation_type text, size numeric, price numeric, pnl numeric,
    target_level integer, timestamp timestamp
);
CREATE TABLE trades (
    id integer PRIMARY KEY, symbol text, side text, source text, entry_price numeric, exit_price numeric, size numeric,
    quantity numeric, entry_time timestamp, exit_time timestamp, pnl numeric, pnl_percent numeric, commission numeric,
    margin_interest_cost numeric, exit_reason text, strategy_name text, confidence_score numeric, order_id text,
    position_id integer, session_id integer
);
CREATE TABLE account_balances (
    id integer PRIMARY KEY, total_balance numeric, last_updated timestamp, updated_by text, update_reason text,
    session_id integer
);
CREATE TABLE system_events (
    id integer PRIMARY KEY, timestamp timestamp, event_type text, severity text, message text, details jsonb,
    session_id integer
);
CREATE TABLE strategy_executions (
    id integer PRIMARY KEY, timestamp timestamp, strategy_name text, symbol text, signal_type text,
    confidence_score numeric, action_taken text, price numeric, session_id integer, trade_id integer
);
CREATE TABLE account_history (
    id integer PRIMARY KEY, timestamp timestamp, balance numeric, equity numeric, drawdown numeric, var_95 numeric,
    session_id integer
);
"""
ROWS: Final = """
INSERT INTO trading_sessions VALUES
(1, 'live', '2026-01-01 00:00', NULL, TRUE, 'LIVE', 1000, NULL, 'ml', '{"a": 1}', 'BTCUSDT', '1h', 'binance'),
(2, 'over', '2026-01-01 00:00', '2026-01-09 00:00', FALSE, 'PAPER', 500, 510, 'ml', NULL, 'BTCUSDT', '1h', 'binance');
INSERT INTO positions VALUES
(1, 'BTCUSDT', 'LONG', 'CLOSED', 100, 0.2, 2, 1000, 0.2, 0.1, 90, 120, FALSE, '2026-01-02 00:00', '2026-01-03 00:00',
 110, 15, 'ml', 0.5, 'binance', 1),
(2, 'BTCUSDT', 'SHORT', 'OPEN', 100, 0.2, 2, 1000, 0.2, 0.1, 110, 80, FALSE, '2026-01-04 00:00', '2026-01-04 00:00',
 99, 2, 'ml', 0.5, 'binance', 1);
INSERT INTO orders VALUES
(1, 1, 'ENTRY', 'FILLED', 'x1', 'i1', 'c1', 'BTCUSDT', 'LONG', 2, 100, 2, 100, 0.5, '2026-01-02 00:00',
 '2026-01-02 00:00', NULL, NULL, 'ml', 1),
(2, 2, 'ENTRY', 'CONFIRMED', 'x2', 'i2', 'c2', 'BTCUSDT', 'SHORT', 2, 100, 2, 100, 0, '2026-01-04 00:00',
 '2026-01-04 00:00', NULL, NULL, 'ml', 1),
(3, 2, 'STOP_LOSS', 'SUBMITTED', 'x3', 'i3', NULL, 'BTCUSDT', 'SHORT', 2, 110, 0, NULL, 0, '2026-01-04 00:00',
 NULL, NULL, NULL, 'ml', 1),
(4, NULL, 'ENTRY', 'UNRESOLVED', NULL, 'i4', 'c4', 'BTCUSDT', 'LONG', 1, 100, 0, NULL, 0, '2026-01-05 00:00',
 NULL, NULL, NULL, 'ml', 1);
INSERT INTO partial_trades VALUES
(1, 1, 'PARTIAL_EXIT', 0.1, 105, NULL, 0, '2026-01-02 12:00'), (2, 2, 'PARTIAL_EXIT', 0.1, 99, NULL, 0, '2026-01-05');
INSERT INTO trades VALUES
(1, 'BTCUSDT', 'LONG', 'LIVE', 100, 110, 0.2, 2, '2026-01-02 00:00', '2026-01-03 00:00', 15, 7, 1, 0.25, 'target',
 'ml', 0.5, 'x9', 1, 1),
(2, 'BTCUSDT', 'LONG', 'PAPER', 100, 105, 0.2, 2, '2026-01-02 00:00', '2026-01-03 00:00', 10, 5, 0, NULL, 'target',
 'ml', 0.5, NULL, NULL, 2);
INSERT INTO account_balances VALUES
(1, 1000, '2026-01-01 00:00', 'engine', 'session_start', 1),
(2, 1014, '2026-01-03 00:00', 'engine', 'realized_pnl_B', 1),
(3, 914, '2026-01-04 00:00', 'ops', 'withdrawal', 1), (4, 916, '2026-01-05 00:00', 'user', 'Manual adjustment', 1);
INSERT INTO system_events VALUES
(1, '2026-01-01 00:00', 'ENGINE_START', 'info', 'on', NULL, 1),
(2, '2026-01-02 00:00', 'SHORT_ENTRY_BLOCKED', 'warning', 'no', NULL, 1);
INSERT INTO strategy_executions VALUES (1, '2026-01-02', 'ml', 'BTCUSDT', 'buy', 0.5, 'opened', 100, 1, 1);
INSERT INTO account_history VALUES (1, '2026-01-02', 1000, 1000, 5, 0.02, 1);
"""
