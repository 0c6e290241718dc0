"""The rows of benchmarks.history, and SQL over them as somebody writes it by hand."""

from __future__ import annotations

from typing import Final

SESSION: Final = """
WITH session AS (
    INSERT INTO trading_sessions (
        session_name, mode, strategy_name, symbol, timeframe, base_currency, start_time, initial_balance,
        current_balance, ledger_entries
    ) VALUES (
        'history ' || clock_timestamp(), 'PAPER', 'history', 'X', '1h', 'USDT', '2024-01-01Z', 10000, 10000, 1
    )
    RETURNING id
), ledger AS (
    INSERT INTO account_balances (
        session_id, entry_number, entry_type, previous_balance, amount, delta, total_balance, base_currency,
        update_reason, updated_by, last_updated
    )
    SELECT id, 1, 'INITIAL', 0, 10000, 10000, 10000, 'USDT', 'start', 'engine', '2024-01-01Z' FROM session
)
SELECT id FROM session
"""

# As an earlier release leaves them: nothing keeps days. Equity wanders, with a fall of half of it.
SNAPSHOTS: Final = """
INSERT INTO account_history (session_id, timestamp, balance, equity)
SELECT %(session)s, '2024-01-01Z'::timestamptz + i * %(apart)s::interval, 10000,
       round((10000 * exp(0.3 * sin(i / 100000.0)) + i * 7919 %% 401 + 50 * sin(i / 700.0))::numeric, 2)
  FROM generate_series(1, %(rows)s::bigint) AS i
"""

# Two strategies, five symbols, four reasons; what counts the trades of a day and of all of them is there, as always.
TRADES: Final = """
INSERT INTO trades (
    session_id, symbol, side, source, entry_price, exit_price, size, quantity, entry_time, exit_time, pnl, pnl_percent,
    commission, exit_reason, strategy_name
)
SELECT %(session)s, 'X' || i %% 5, 'LONG', 'PAPER', 100, 101, 0.1, 1,
       '2024-01-01Z'::timestamptz + i * %(apart)s::interval - interval '30 minutes',
       '2024-01-01Z'::timestamptz + i * %(apart)s::interval, (i * 7919 %% 41 - 20) * 0.25, 1, 0.1,
       'reason ' || i * 13 %% 4, 'strategy ' || i %% 2
  FROM generate_series(1, %(rows)s::bigint) AS i
"""

# Half as many decisions as trades, over the same time.
DECISIONS: Final = """
INSERT INTO strategy_executions (
    session_id, timestamp, strategy_name, symbol, timeframe, signal_type, action_taken, price, indicators,
    reasons
)
SELECT %(session)s, '2024-01-01Z'::timestamptz + i * %(apart)s::interval / 5, 'strategy ' || i %% 2, 'X' || i %% 5,
       '1h', 'hold', 'no_action', 100, jsonb_build_object('rsi', i * 7919 %% 100), '["no_signal"]'
  FROM generate_series(1, %(rows)s::bigint * 5) AS i
"""

# As many closed positions; benchmarks.filling has what their closings leave behind: orders, fills and trades.
POSITIONS: Final = """
INSERT INTO positions (
    session_id, symbol, side, status, planned_size, planned_quantity, entry_time, quantity, original_quantity,
    exited_quantity, entry_notional, exit_notional, entry_price, exit_price, size, original_size, current_size,
    last_update, strategy_name, realized_pnl, unrealized_pnl, unrealized_pnl_percent, last_exit_time, exit_time,
    exit_reason
)
SELECT %(session)s, 'X' || i %% 5, 'LONG', 'CLOSED', 0.1, 1, moment - interval '30 minutes', 1, 1, 1, 100, 100 + pnl,
       100, 100 + pnl, 0.1, 0.1, 0, moment, 'strategy ' || i %% 2, pnl, 0, 0, moment, moment, 'reason ' || i * 13 %% 4
  FROM (
           SELECT i, '2024-01-01T00:30Z'::timestamptz + i * %(apart)s::interval AS moment,
                  (i * 7919 %% 41 - 20) * 0.25 AS pnl
             FROM generate_series(1, %(rows)s::bigint) AS i
       ) AS p
"""

COUNTED: Final = """
INSERT INTO performance_metrics (
    session_id, period, period_start, period_end, opening_balance, total_trades, winning_trades, losing_trades,
    gross_profit, gross_loss, commission, margin_interest_cost, best_trade_pnl, worst_trade_pnl, current_streak,
    largest_win_streak, largest_loss_streak, peak_balance, max_drawdown
)
SELECT session_id, CASE WHEN day IS NULL THEN 'ALL_TIME' ELSE 'DAILY' END::metric_period, coalesce(day, 'epoch'),
       day + interval '24 hours', 10000, count(*), count(*) FILTER (WHERE pnl > 0), count(*) FILTER (WHERE pnl < 0),
       coalesce(sum(pnl) FILTER (WHERE pnl > 0), 0), coalesce(-sum(pnl) FILTER (WHERE pnl < 0), 0), sum(commission), 0,
       max(pnl), min(pnl), 0, 0, 0, 10000, 0
  FROM (
           SELECT session_id, date_trunc('day', exit_time, 'UTC') AS day, pnl::numeric, commission::numeric
             FROM trades
            WHERE session_id = %(session)s
       ) AS t
 GROUP BY GROUPING SETS ((session_id, day), (session_id))
"""

ORDERS: Final = """
INSERT INTO orders (
    session_id, order_type, status, symbol, side, quantity, price, told_quantity, told_price, told_value,
    filled_quantity, filled_price, filled_units, filled_value, commission, strategy_name, created_at, filled_at,
    last_update
)
SELECT %(session)s, CASE i %% 2 WHEN 0 THEN 'ENTRY' ELSE 'FULL_EXIT' END::order_type, 'FILLED', 'X' || i / 2 %% 5,
       'LONG', 1, 100, 1, 100 + i %% 7 * 0.01, 101, 1, 100 + i %% 7 * 0.01, 1, 101, 0.05, 'strategy ' || i / 2 %% 2,
       '2024-01-01Z'::timestamptz + i * %(apart)s::interval / 2,
       '2024-01-01Z'::timestamptz + i * %(apart)s::interval / 2,
       '2024-01-01Z'::timestamptz + i * %(apart)s::interval / 2
  FROM generate_series(1, 2 * %(rows)s::bigint) AS i
"""

_DAILY: Final = """
SELECT day, equity, equity / lag(equity, 1, 10000::numeric) OVER (ORDER BY day) - 1 AS daily_return, deepest
  FROM (
           SELECT date_trunc('day', timestamp, 'UTC') AS day,
                  (array_agg(equity ORDER BY timestamp DESC, id DESC))[1] AS equity,
                  max((peak - equity) / peak) AS deepest
             FROM (
                      SELECT id, timestamp, equity::numeric,
                             max(equity::numeric) OVER (ORDER BY timestamp, id) AS peak
                        FROM account_history
                       WHERE session_id = $1
                  ) AS h
            GROUP BY 1
       ) AS d
"""
_SUMS: Final = """
SELECT {by}, count(*), count(*) FILTER (WHERE pnl > 0), count(*) FILTER (WHERE pnl < 0), sum(pnl),
       sum(commission + margin_interest_cost), sum(net_pnl)
  FROM trades
 WHERE session_id = $1{more}
 GROUP BY 1
"""
_PEAKS: Final = """
SELECT id, timestamp, equity::numeric, max(equity::numeric) OVER (ORDER BY timestamp, id) AS peak
  FROM account_history
 WHERE session_id = $1
"""

_SESSION: Final = f"""
SELECT id{{more}}, (SELECT count(*) FROM trades WHERE session_id = $1),
       (SELECT sum(net_pnl) FROM trades WHERE session_id = $1),
       (SELECT avg((pnl > 0)::integer) FROM trades WHERE session_id = $1),
       (SELECT max((peak - equity) / peak) FROM ({_PEAKS}) AS h)
  FROM trading_sessions
 WHERE id = $1
"""

BY_HAND: Final = {
    "get_performance_metrics": f"""
WITH ordered AS (
    SELECT *, sign(pnl) AS outcome, row_number() OVER (ORDER BY exit_time, id) - row_number() OVER (
        PARTITION BY sign(pnl) ORDER BY exit_time, id
    ) AS run
      FROM trades
     WHERE session_id = $1
), runs AS (
    SELECT outcome, count(*) AS trades FROM ordered GROUP BY outcome, run
), daily AS ({_DAILY})
SELECT count(*), count(*) FILTER (WHERE pnl > 0), count(*) FILTER (WHERE pnl < 0), sum(pnl) FILTER (WHERE pnl > 0),
       sum(pnl) FILTER (WHERE pnl < 0), sum(commission), sum(margin_interest_cost), sum(funding), sum(net_pnl),
       max(pnl), min(pnl), avg(exit_time - entry_time), avg(exit_time - entry_time) FILTER (WHERE pnl > 0),
       avg(exit_time - entry_time) FILTER (WHERE pnl < 0), (SELECT max(trades) FROM runs WHERE outcome = 1),
       (SELECT max(trades) FROM runs WHERE outcome = -1), (SELECT max(deepest) FROM daily),
       (SELECT avg(daily_return) / stddev_samp(daily_return) * sqrt(365) FROM daily)
  FROM ordered
""",
    "daily equity, behind every figure of performance": _DAILY,
    "get_equity_curve, 500 points": f"""
SELECT DISTINCT ON (part) timestamp, equity, peak, (peak - equity) / peak AS drawdown
  FROM (SELECT *, ntile(500) OVER (ORDER BY timestamp, id) AS part FROM ({_PEAKS}) AS p) AS h
 ORDER BY part, equity
""",
    "get_drawdowns, 10": f"""
SELECT min(timestamp), (array_agg(timestamp ORDER BY equity))[1], max(timestamp), peak, min(equity),
       (peak - min(equity)) / peak AS drawdown
  FROM ({_PEAKS}) AS h
 GROUP BY peak
 ORDER BY drawdown DESC
 LIMIT 10
""",
    "get_current_drawdown": """
SELECT timestamp, equity, (SELECT max(equity) FROM account_history WHERE session_id = $1) AS peak
  FROM account_history
 WHERE session_id = $1
 ORDER BY timestamp DESC, id DESC
 LIMIT 1
""",
    "get_pnl_by_symbol": _SUMS.format(by="symbol", more=""),
    "get_pnl_by_symbol of one strategy": _SUMS.format(by="symbol", more=" AND strategy_name = 'strategy 1'"),
    "get_pnl_by_period, months": _SUMS.format(by="date_trunc('month', exit_time, 'UTC')", more=""),
    "get_order_quality": """
SELECT order_type, count(*), count(*) FILTER (WHERE status = 'FILLED'), count(*) FILTER (WHERE status = 'CANCELLED'),
       count(*) FILTER (WHERE status = 'FAILED'), count(*) FILTER (WHERE status = 'EXPIRED'),
       avg(
           CASE WHEN (order_type IN ('ENTRY', 'SCALE_IN')) = (side = 'LONG') THEN 1 ELSE -1 END
           * (filled_price - price) / price
       ), sum(commission)
  FROM orders
 WHERE session_id = $1
 GROUP BY 1
""",
    "get_session_summaries, one session": _SESSION.format(more=", start_time, initial_balance, current_balance"),
    "resume_or_create": """
SELECT id, current_balance, (SELECT max(equity) FROM account_history WHERE session_id = $1) AS peak,
       (SELECT count(*) FROM positions WHERE session_id = $1 AND status = 'OPEN') AS positions,
       (
           SELECT count(*) FROM orders WHERE session_id = $1 AND status IN ('PENDING', 'OPEN', 'PARTIALLY_FILLED')
       ) AS orders
  FROM trading_sessions
 WHERE id = $1
""",
    "end_trading_session": _SESSION.format(more=""),
}
"""What a person writes for the parts, over the rows themselves."""
