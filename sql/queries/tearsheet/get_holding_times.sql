-- How long the newest trades were held, shortest first.
WITH newest AS MATERIALIZED (
    SELECT t.pnl, t.net_pnl, t.exit_time - t.entry_time AS held
      FROM chosen_sessions(:session_id, :source, NULL, NULL) AS s
     CROSS JOIN LATERAL (
               SELECT r.id, r.symbol, r.strategy_name, r.entry_time, r.exit_time, r.pnl::numeric, r.net_pnl::numeric
                 FROM trades AS r
                WHERE r.session_id = s.session_id
                  AND r.exit_time >= coalesce(:start::timestamptz, '-infinity')
                  AND r.exit_time < coalesce(:end::timestamptz, 'infinity')
                ORDER BY r.exit_time DESC, r.id DESC
                LIMIT :newest
           ) AS t
     WHERE (:strategy_name::text IS NULL OR t.strategy_name = :strategy_name)
       AND (:symbol::text IS NULL OR t.symbol = :symbol)
     ORDER BY t.exit_time DESC, t.id DESC
     LIMIT :newest
), spans AS (
    SELECT bound AS from_seconds, lead(bound) OVER (ORDER BY bound) AS to_seconds
      FROM unnest(ARRAY[0, 60, 300, 900, 3600, 14400, 43200, 86400, 259200, 604800, 2592000]) AS bounds (bound)
)
SELECT s.from_seconds, s.to_seconds, count(n.pnl)::integer AS total_trades,
       (count(*) FILTER (WHERE n.pnl > 0))::integer AS winning_trades,
       (count(*) FILTER (WHERE n.pnl < 0))::integer AS losing_trades, coalesce(sum(n.net_pnl), 0) AS net_pnl
  FROM spans AS s
  LEFT JOIN newest AS n ON n.held >= s.from_seconds * interval '1 second'
                        AND (s.to_seconds IS NULL OR n.held < s.to_seconds * interval '1 second')
 GROUP BY s.from_seconds, s.to_seconds
 ORDER BY s.from_seconds
