-- Record a change of a risk parameter; the record's id.
WITH recorded AS (
    INSERT INTO risk_adjustments (
        session_id, timestamp, adjustment_type, trigger_reason, parameter_name, original_value, adjusted_value,
        adjustment_factor, current_drawdown, performance_score, volatility_level,
        duration_minutes, trades_during_adjustment, pnl_during_adjustment, request_id, request_hash
    ) VALUES (
        :session_id, :timestamp, :adjustment_type, :trigger_reason, :parameter_name, :original_value, :adjusted_value,
        :adjustment_factor, :current_drawdown, :performance_score, :volatility_level,
        :duration_minutes, :trades_during_adjustment, :pnl_during_adjustment, :request_id, :request_hash
    )
    ON CONFLICT (request_id) DO UPDATE
       SET request_id = CASE risk_adjustments.request_hash
               WHEN excluded.request_hash THEN excluded.request_id
               ELSE refuse_request(excluded.request_id)
           END
    RETURNING id, session_id, xmax = 0 AS inserted
)
SELECT id
  FROM recorded
 WHERE NOT inserted
    OR active_session(session_id) IS NOT NULL
