"""Figures of one session's trades and orders as somebody writes them by hand: every row is read."""

from __future__ import annotations

from typing import Final

_TRADES: Final = """
SELECT * FROM trades
 WHERE session_id = %(session)s
   AND exit_time >= coalesce(%(since)s::timestamptz, '-infinity')
   AND exit_time < coalesce(%(until)s::timestamptz, 'infinity')
   AND (%(strategy)s::text IS NULL OR strategy_name = %(strategy)s)
   AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
"""

_ORDERS: Final = """
SELECT *, slippage(order_type, side, price, filled_price) AS slippage FROM orders
 WHERE session_id = %(session)s
   AND created_at >= coalesce(%(since)s::timestamptz, '-infinity')
   AND created_at < coalesce(%(until)s::timestamptz, 'infinity')
   AND (%(strategy)s::text IS NULL OR strategy_name = %(strategy)s)
   AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
"""

FIGURES: Final = f"""
WITH chosen AS ({_TRADES}), ordered AS (
    SELECT *, sign(pnl) AS outcome, row_number() OVER w - row_number() OVER (
        PARTITION BY sign(pnl) ORDER BY exit_time, id
    ) AS run, row_number() OVER w AS place
      FROM chosen
    WINDOW w AS (ORDER BY exit_time, id)
), runs AS (
    SELECT outcome, count(*) AS trades, max(place) AS place FROM ordered GROUP BY outcome, run
), days AS (
    SELECT date_trunc('day', exit_time, 'UTC') AS day, sum(net_pnl) AS net FROM chosen GROUP BY 1
)
SELECT count(*)::integer, (count(*) FILTER (WHERE pnl > 0))::integer, (count(*) FILTER (WHERE pnl < 0))::integer,
       coalesce(sum(pnl) FILTER (WHERE pnl > 0), 0), coalesce(-sum(pnl) FILTER (WHERE pnl < 0), 0),
       coalesce(sum(commission), 0), coalesce(sum(margin_interest_cost), 0), coalesce(sum(funding), 0),
       coalesce(sum(net_pnl), 0), max(pnl), min(pnl),
       coalesce((SELECT max(trades) FROM runs WHERE outcome = 1), 0)::integer,
       coalesce((SELECT max(trades) FROM runs WHERE outcome = -1), 0)::integer,
       coalesce((SELECT outcome * trades FROM runs ORDER BY place DESC LIMIT 1), 0)::integer,
       trim_scale(extract(epoch FROM sum(exit_time - entry_time)) / 3600 / nullif(count(*), 0)),
       trim_scale(
           extract(epoch FROM sum(exit_time - entry_time) FILTER (WHERE pnl > 0)) / 3600
           / nullif(count(*) FILTER (WHERE pnl > 0), 0)
       ),
       trim_scale(
           extract(epoch FROM sum(exit_time - entry_time) FILTER (WHERE pnl < 0)) / 3600
           / nullif(count(*) FILTER (WHERE pnl < 0), 0)
       ),
       (SELECT day FROM days ORDER BY net DESC, day LIMIT 1), (SELECT max(net) FROM days),
       (SELECT day FROM days ORDER BY net, day LIMIT 1), (SELECT min(net) FROM days)
  FROM chosen
"""

KEPT_FIGURES: Final = """
SELECT total_trades, winning_trades, losing_trades, gross_profit, gross_loss, commission, margin_interest_cost, funding,
       net_pnl, best_trade_pnl, worst_trade_pnl, largest_win_streak, largest_loss_streak, current_streak,
       avg_holding_hours, avg_win_holding_hours, avg_loss_holding_hours, best_day, best_day_net_pnl, worst_day,
       worst_day_net_pnl
  FROM performance_figures(%(session)s, NULL, %(strategy)s, %(symbol)s, %(since)s, %(until)s)
"""

SUMS: Final = f"""
SELECT CASE %(dimension)s
           WHEN 'exit_reason' THEN exit_reason WHEN 'strategy_name' THEN strategy_name WHEN 'symbol' THEN symbol
       END AS label,
       CASE
           WHEN %(dimension)s IN ('day', 'week', 'month') THEN date_trunc(%(dimension)s, exit_time, 'UTC')
           WHEN %(dimension)s = 'all' THEN 'epoch'::timestamptz
       END AS period_start,
       count(*)::integer, (count(*) FILTER (WHERE pnl > 0))::integer, (count(*) FILTER (WHERE pnl < 0))::integer,
       trim_scale((count(*) FILTER (WHERE pnl > 0))::numeric / count(*)), sum(pnl),
       sum(commission + margin_interest_cost), sum(net_pnl), max(exit_time)
  FROM ({_TRADES}) AS chosen
 GROUP BY 1, 2
 ORDER BY 1, 2
"""

KEPT_SUMS: Final = """
SELECT * FROM pnl_by(%(dimension)s, %(session)s, NULL, %(strategy)s, %(symbol)s, %(since)s, %(until)s) ORDER BY 1, 2
"""

ORDERS: Final = f"""
SELECT order_type, count(*)::integer, (count(*) FILTER (WHERE status = 'FILLED'))::integer,
       (count(*) FILTER (WHERE status <> 'FILLED' AND filled_quantity > 0))::integer,
       (count(*) FILTER (WHERE status = 'CANCELLED'))::integer, (count(*) FILTER (WHERE status = 'FAILED'))::integer,
       (count(*) FILTER (WHERE status = 'EXPIRED'))::integer,
       (count(*) FILTER (WHERE status IN ('PENDING', 'OPEN', 'PARTIALLY_FILLED', 'UNKNOWN')))::integer,
       trim_scale(
           (count(*) FILTER (WHERE status = 'FILLED'))::numeric
           / nullif(count(*) FILTER (WHERE status IN ('FILLED', 'CANCELLED', 'FAILED', 'EXPIRED')), 0)
       ),
       count(slippage)::integer, trim_scale(round(avg(slippage), 12)), trim_scale(max(slippage)),
       trim_scale(coalesce(sum(slippage * price * filled_quantity), 0)), sum(commission), max(created_at)
  FROM ({_ORDERS}) AS chosen
 GROUP BY order_type
 ORDER BY order_type
"""

KEPT_ORDERS: Final = """
SELECT * FROM order_figures(%(session)s, NULL, %(strategy)s, %(symbol)s, %(since)s, %(until)s) ORDER BY 1
"""

NEWEST_FILLS: Final = """
SELECT symbol, max(filled_at) FROM orders WHERE session_id = %(session)s AND filled_at IS NOT NULL GROUP BY 1 ORDER BY 1
"""

DIMENSIONS: Final = ("exit_reason", "strategy_name", "symbol", "day", "week", "month", "all")
