-- Record a decision of a strategy; its id.
WITH compacted AS MATERIALIZED (
    SELECT compacted_request(:session_id, :timestamp::instant, :request_id, :request_hash) AS id
     WHERE :timestamp < clock_timestamp() - interval '23 hours'
), recorded AS (
    INSERT INTO strategy_executions (
        session_id, trade_id, timestamp, strategy_name, symbol, timeframe, signal_type, signal_strength,
        confidence_score,
        action_taken, price, position_size, volume, volatility, indicators, sentiment_data, ml_predictions, reasons,
        request_id, request_hash
    )
    SELECT :session_id, :trade_id, :timestamp, :strategy_name, :symbol, :timeframe, :signal_type, :signal_strength,
           :confidence_score,
           :action_taken, :price, :position_size, :volume, :volatility, :indicators, :sentiment_data, :ml_predictions,
           :reasons, :request_id, :request_hash
     WHERE NOT EXISTS (SELECT FROM compacted AS c WHERE c.id IS NOT NULL)
    ON CONFLICT (request_id) DO UPDATE
       SET request_id = CASE strategy_executions.request_hash
               WHEN excluded.request_hash THEN excluded.request_id
               ELSE refuse_request(excluded.request_id)
           END
    RETURNING id, session_id, xmax = 0 AS inserted
)
SELECT x.id
  FROM (
           SELECT r.id
             FROM recorded AS r
            WHERE NOT r.inserted
               OR (active_session(r.session_id) IS NOT NULL AND fenced(r.session_id, :token::uuid))
            UNION ALL
           SELECT c.id
             FROM compacted AS c
            WHERE c.id IS NOT NULL
       ) AS x
 LIMIT 1
