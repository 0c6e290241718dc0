-- A session's metrics by UTC day from one day to before another, oldest first; days without trades have no row.
SELECT period_start AS day, opening_balance, total_trades, winning_trades, losing_trades,
       trim_scale(win_rate) AS win_rate,
       gross_profit, gross_loss, gross_profit - gross_loss AS gross_pnl, commission,
       margin_interest_cost, funding, net_pnl,
       trim_scale(profit_factor) AS profit_factor, trim_scale(expectancy) AS expectancy,
       trim_scale(avg_win) AS avg_win, trim_scale(avg_loss) AS avg_loss, best_trade_pnl, worst_trade_pnl,
       largest_win_streak, largest_loss_streak, trim_scale(max_drawdown) AS max_drawdown
  FROM performance_metrics
 WHERE session_id = :session_id
   AND existing_session(:session_id) IS NOT NULL
   AND period = 'DAILY'
   AND period_start >= coalesce(:start::timestamptz, '-infinity')
   AND period_start < coalesce(:end::timestamptz, 'infinity')
 ORDER BY period_start
