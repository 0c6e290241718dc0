-- Record a decision of a strategy; its id.
WITH recorded AS (
    INSERT INTO strategy_executions (
        session_id, trade_id, timestamp, strategy_name, symbol, timeframe, signal_type, signal_strength,
        confidence_score,
        action_taken, price, position_size, volume, volatility, indicators, sentiment_data, ml_predictions, reasons,
        request_id, request_hash
    ) VALUES (
        :session_id, :trade_id, :timestamp, :strategy_name, :symbol, :timeframe, :signal_type, :signal_strength,
        :confidence_score,
        :action_taken, :price, :position_size, :volume, :volatility, :indicators, :sentiment_data, :ml_predictions,
        :reasons, :request_id, :request_hash
    )
    ON CONFLICT (request_id) DO UPDATE
       SET request_id = CASE strategy_executions.request_hash
               WHEN excluded.request_hash THEN excluded.request_id
               ELSE refuse_request(excluded.request_id)
           END
    RETURNING id, session_id, xmax = 0 AS inserted
)
SELECT id
  FROM recorded
 WHERE NOT inserted
    OR (active_session(session_id) IS NOT NULL AND fenced(session_id, :token::uuid))
