-- A session's metrics by UTC day from one day to before another, oldest first; days without trades have no row.
SELECT period_start AS day, opening_balance, total_trades, winning_trades, losing_trades, win_rate,
       gross_profit, gross_loss, gross_profit - gross_loss AS gross_pnl, commission, margin_interest_cost, net_pnl,
       profit_factor, expectancy, avg_win, avg_loss, best_trade_pnl, worst_trade_pnl,
       largest_win_streak, largest_loss_streak, max_drawdown
  FROM performance_metrics
 WHERE session_id = :session_id
   AND existing_session(:session_id) IS NOT NULL
   AND period = 'DAILY'
   AND period_start >= coalesce(:start::timestamptz, '-infinity')
   AND period_start < coalesce(:end::timestamptz, 'infinity')
 ORDER BY period_start
