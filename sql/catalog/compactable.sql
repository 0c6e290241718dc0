-- The decisions from before $1 that $2 of a chunk can take, of the session $3 or of all.
SELECT f.session_id,
       CASE WHEN f.has_ended THEN f.decisions ELSE f.decisions / $2::integer * $2::integer END AS decisions,
       CASE
           WHEN f.has_ended THEN (f.decisions + $2::integer - 1) / $2::integer
           ELSE f.decisions / $2::integer
       END AS chunks
  FROM (
           SELECT s.id AS session_id, s.end_time IS NOT NULL AS has_ended, count(*) AS decisions
             FROM public.trading_sessions AS s
            CROSS JOIN LATERAL (
                      SELECT max(n.timestamp) AS newest FROM public.strategy_executions AS n WHERE n.session_id = s.id
                  ) AS l
             JOIN public.strategy_executions AS x
               ON x.session_id = s.id
              AND x.timestamp < $1::timestamptz
              AND x.timestamp < l.newest
              AND x.trade_id IS NULL
            WHERE s.purge_started_at IS NULL
              AND ($3::bigint IS NULL OR s.id = $3)
            GROUP BY s.id
       ) AS f
 WHERE f.has_ended
    OR f.decisions >= $2::integer
 ORDER BY f.session_id
