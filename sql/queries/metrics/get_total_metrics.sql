-- A session's metrics over all its trades, as its books keep them: one row, however many trades; None before one.
SELECT opening_balance, total_trades, winning_trades, losing_trades, win_rate,
       gross_profit, gross_loss, gross_profit - gross_loss AS gross_pnl, commission, margin_interest_cost, net_pnl,
       profit_factor, expectancy, avg_win, avg_loss, best_trade_pnl, worst_trade_pnl,
       current_streak, largest_win_streak, largest_loss_streak, max_drawdown
  FROM performance_metrics
 WHERE session_id = :session_id
   AND existing_session(:session_id) IS NOT NULL
   AND period = 'ALL_TIME'
   AND period_start = 'epoch'::timestamptz
