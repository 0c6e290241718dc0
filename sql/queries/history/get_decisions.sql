-- Decisions of strategies in any sessions, newest first, a page at a time.
SELECT x.id, x.session_id, x.timestamp, x.strategy_name, x.symbol, x.timeframe, x.signal_type, x.signal_strength,
       x.confidence_score, x.action_taken, x.price, x.position_size, x.volume, x.volatility, x.indicators,
       x.sentiment_data, x.ml_predictions, x.reasons, x.trade_id
  FROM chosen_sessions(:session_id, :source, NULL, NULL) AS s
 CROSS JOIN LATERAL (
           SELECT r.id, r.session_id, r.timestamp, r.strategy_name, r.symbol, r.timeframe, r.signal_type,
                  r.signal_strength, r.confidence_score, r.action_taken, r.price, r.position_size, r.volume,
                  r.volatility, r.indicators, r.sentiment_data, r.ml_predictions, r.reasons, r.trade_id
             FROM strategy_executions AS r
            WHERE r.session_id = s.session_id
              AND (:strategy_name::text IS NULL OR r.strategy_name = :strategy_name)
              AND (:symbol::text IS NULL OR r.symbol = :symbol)
              AND (:action_taken::text IS NULL OR r.action_taken = :action_taken)
              AND r.timestamp >= coalesce(:start::timestamptz, '-infinity')
              AND r.timestamp < coalesce(:end::timestamptz, 'infinity')
              AND (r.timestamp, r.id) < (coalesce(:before::timestamptz, 'infinity'), coalesce(:before_id::bigint, 0))
            -- In the order of the index, which has no id.
            ORDER BY r.timestamp DESC
            FETCH FIRST (:limit::bigint) ROWS WITH TIES
       ) AS x
 ORDER BY x.timestamp DESC, x.id DESC
 LIMIT :limit
