-- The P&L by day, week or month of the exit, oldest first; a period without trades has no row.
SELECT period_start, total_trades, winning_trades, losing_trades, win_rate, gross_pnl, costs, net_pnl
  FROM pnl_by(
           CASE :period::metric_period
               WHEN 'DAILY' THEN 'day' WHEN 'WEEKLY' THEN 'week' WHEN 'MONTHLY' THEN 'month' WHEN 'ALL_TIME' THEN 'all'
           END,
           :session_id, :source, :strategy_name, :symbol, :start, :end
       )
 ORDER BY period_start
