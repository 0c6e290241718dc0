-- When the newest fill of each symbol of a session happened.
WITH kept AS MATERIALIZED (
    SELECT k.day
      FROM kept_order_days(:session_id, NULL, NULL) AS k (day)
)
SELECT f.symbol, max(f.filled_at) AS filled_at
  FROM (
           SELECT p.symbol, p.newest_fill AS filled_at
             FROM kept AS k
             JOIN order_day_parts AS p
               ON p.session_id = :session_id AND p.kept_by = 'all of them' AND p.day = k.day
            UNION ALL
           SELECT o.symbol, o.filled_at
             FROM gaps(NULL, NULL, (SELECT array_agg(k.day ORDER BY k.day) FROM kept AS k)) AS g
            CROSS JOIN LATERAL (
                      SELECT r.symbol::text, r.filled_at::timestamptz
                        FROM orders AS r
                       WHERE r.session_id = :session_id
                         AND r.created_at >= g.first_moment
                         AND r.created_at < g.next_moment
                      OFFSET 0
                  ) AS o
       ) AS f
 WHERE existing_session(:session_id) IS NOT NULL
   AND f.filled_at IS NOT NULL
 GROUP BY f.symbol
 ORDER BY f.symbol
