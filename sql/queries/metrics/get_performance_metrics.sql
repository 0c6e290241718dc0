-- All figures of performance of the trades closed from one moment to before another, and of their equity.
SELECT total_trades, winning_trades, losing_trades, win_rate, gross_profit, gross_loss, gross_pnl, commission,
       margin_interest_cost, funding, net_pnl, total_return_percent, profit_factor, expectancy, avg_win, avg_loss,
       best_trade_pnl, worst_trade_pnl, largest_win_streak, largest_loss_streak, current_streak, max_drawdown,
       avg_holding_hours, avg_win_holding_hours, avg_loss_holding_hours, best_day, best_day_net_pnl, worst_day,
       worst_day_net_pnl, equity_days, annualized_return, annualized_volatility, sharpe_ratio, sortino_ratio,
       calmar_ratio, var_95
  FROM performance_figures(:session_id, :source, :strategy_name, :symbol, :start, :end)
