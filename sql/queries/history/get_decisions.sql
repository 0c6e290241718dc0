-- Decisions of strategies in any sessions, newest first, a page at a time.
WITH recent AS MATERIALIZED (
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
                  AND (r.timestamp, r.id)
                    < (coalesce(:before::timestamptz, 'infinity'), coalesce(:before_id::bigint, 0))
                -- In the order of the index, which has no id.
                ORDER BY r.timestamp DESC
                FETCH FIRST (:limit::bigint) ROWS WITH TIES
           ) AS x
     ORDER BY x.timestamp DESC, x.id DESC
     LIMIT :limit
), span AS (
    -- Where the page is full, compacted decisions that are older than all of it are not looked at.
    SELECT greatest(
               coalesce(:start::timestamptz, '-infinity'),
               CASE WHEN count(*) >= :limit THEN min(n.timestamp) ELSE '-infinity' END
           ) AS since,
           least(coalesce(:end::timestamptz, 'infinity'), coalesce(:before::timestamptz, 'infinity')) AS until
      FROM recent AS n
)
SELECT x.id, x.session_id, x.timestamp, x.strategy_name, x.symbol, x.timeframe, x.signal_type, x.signal_strength,
       x.confidence_score, x.action_taken, x.price, x.position_size, x.volume, x.volatility, x.indicators,
       x.sentiment_data, x.ml_predictions, x.reasons, x.trade_id
  FROM (
           SELECT n.id, n.session_id, n.timestamp, n.strategy_name, n.symbol, n.timeframe, n.signal_type,
                  n.signal_strength, n.confidence_score, n.action_taken, n.price, n.position_size, n.volume,
                  n.volatility, n.indicators, n.sentiment_data, n.ml_predictions, n.reasons, n.trade_id
             FROM recent AS n
            UNION ALL
           SELECT d.id, s.session_id, d.timestamp, d.strategy_name, d.symbol, d.timeframe, d.signal_type,
                  d.signal_strength, d.confidence_score, d.action_taken, d.price, d.position_size, d.volume,
                  d.volatility, d.indicators, d.sentiment_data, d.ml_predictions, d.reasons, NULL::bigint
             FROM span AS p
            CROSS JOIN chosen_sessions(:session_id, :source, NULL, NULL) AS s
            CROSS JOIN LATERAL chunks_of_page(
                      s.session_id, :strategy_name, :symbol, :action_taken, p.since, p.until, :limit
                  ) AS k (chunk)
            CROSS JOIN LATERAL (
                      -- Not unpacked before it is chosen.
                      SELECT u.*
                        FROM decision_chunks AS c
                       CROSS JOIN LATERAL unnest(c.packed) AS u
                       WHERE c.id = k.chunk
                      OFFSET 0
                  ) AS d
            -- Most sessions have no chunk, or none that is new enough: one look into the index.
            WHERE (SELECT max(o.last_time) FROM decision_chunks AS o WHERE o.session_id = s.session_id) >= p.since
              AND (:strategy_name::text IS NULL OR d.strategy_name = :strategy_name)
              AND (:symbol::text IS NULL OR d.symbol = :symbol)
              AND (:action_taken::text IS NULL OR d.action_taken = :action_taken)
              AND d.timestamp >= p.since
              AND d.timestamp < coalesce(:end::timestamptz, 'infinity')
              AND (d.timestamp, d.id) < (coalesce(:before::timestamptz, 'infinity'), coalesce(:before_id::bigint, 0))
       ) AS x
 ORDER BY x.timestamp DESC, x.id DESC
 LIMIT :limit
