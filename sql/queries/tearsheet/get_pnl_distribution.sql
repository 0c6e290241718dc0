-- How the net P&L of the newest trades is distributed, in equal buckets from the least to the greatest.
WITH newest AS MATERIALIZED (
    SELECT t.net_pnl
      FROM chosen_sessions(:session_id, :source, NULL, NULL) AS s
     CROSS JOIN LATERAL (
               SELECT r.id, r.symbol, r.strategy_name, r.exit_time, r.net_pnl::numeric
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
), spread AS (
    -- A few extreme trades would press all others into one bucket: they count in the first and the last.
    SELECT percentile_disc(0.01) WITHIN GROUP (ORDER BY net_pnl) AS low,
           percentile_disc(0.99) WITHIN GROUP (ORDER BY net_pnl) AS high
      FROM newest
), width AS (
    SELECT low, high, coalesce(nullif(greatest(high, 0) - least(low, 0), 0), 1) / :buckets::integer AS least_width
      FROM spread
), step AS MATERIALIZED (
    -- The next of 1, 2, 5, 10, 20 …, so that the edges are round, and 0 is one.
    SELECT w.low, w.high,
           p.power * CASE WHEN l.ratio <= 1 THEN 1 WHEN l.ratio <= 2 THEN 2 WHEN l.ratio <= 5 THEN 5 ELSE 10 END AS size
      FROM width AS w
     CROSS JOIN LATERAL (SELECT power(10::numeric, floor(log(w.least_width))) AS power) AS p
     CROSS JOIN LATERAL (SELECT w.least_width / p.power AS ratio) AS l
), placed AS (
    SELECT n.net_pnl, s.size,
           least(greatest(floor(n.net_pnl / s.size), floor(s.low / s.size)), floor(s.high / s.size)) AS bucket
      FROM newest AS n
     CROSS JOIN step AS s
)
SELECT trim_scale(bucket * size) AS lower, trim_scale((bucket + 1) * size) AS upper, count(*)::integer AS total_trades,
       sum(net_pnl) AS net_pnl, min(net_pnl) AS smallest, max(net_pnl) AS largest
  FROM placed
 GROUP BY bucket, size
 ORDER BY bucket
