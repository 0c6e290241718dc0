-- The engine's newest rating of a session's performance; None if there is none.
SELECT id, session_id, timestamp, rolling_win_rate, rolling_sharpe_ratio, current_drawdown, volatility_30d,
       consecutive_losses, consecutive_wins, risk_adjustment_factor, profit_factor, expectancy, avg_trade_duration_hours
  FROM dynamic_performance_metrics
 WHERE session_id = :session_id
   AND existing_session(:session_id) IS NOT NULL
 ORDER BY timestamp DESC, id DESC
 LIMIT 1
