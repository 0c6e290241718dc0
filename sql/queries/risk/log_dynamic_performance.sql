-- Record how the engine rates its recent performance; the record's id.
WITH recorded AS (
    INSERT INTO dynamic_performance_metrics (
        session_id, timestamp, rolling_win_rate, rolling_sharpe_ratio, current_drawdown, volatility_30d,
        consecutive_losses, consecutive_wins, risk_adjustment_factor, profit_factor, expectancy,
        avg_trade_duration_hours,
        request_id, request_hash
    ) VALUES (
        :session_id, :timestamp, :rolling_win_rate, :rolling_sharpe_ratio, :current_drawdown, :volatility_30d,
        :consecutive_losses, :consecutive_wins, :risk_adjustment_factor, :profit_factor, :expectancy,
        :avg_trade_duration_hours, :request_id, :request_hash
    )
    ON CONFLICT (request_id) DO UPDATE
       SET request_id = CASE dynamic_performance_metrics.request_hash
               WHEN excluded.request_hash THEN excluded.request_id
               ELSE refuse_request(excluded.request_id)
           END
    RETURNING id, session_id, xmax = 0 AS inserted
)
SELECT id
  FROM recorded
 WHERE NOT inserted
    OR active_session(session_id) IS NOT NULL
