-- How far the newest trades went in their favour and against them, at most `points` of them, oldest first.
SELECT coalesce(n.id, 0) AS trade_id, n.symbol, n.exit_time, n.mfe, n.mae, n.pnl_percent, n.net_pnl
  FROM (
           SELECT t.id, t.symbol, t.exit_time, t.mfe, t.mae, t.pnl_percent, t.net_pnl,
                  row_number() OVER (ORDER BY t.exit_time, t.id) AS place, count(*) OVER () AS trades
             FROM (
                      SELECT l.id, l.symbol, l.exit_time, l.mfe, l.mae, l.pnl_percent, l.net_pnl
                        FROM chosen_sessions(:session_id, :source, NULL, NULL) AS s
                       CROSS JOIN LATERAL (
                                 SELECT r.id, r.symbol::text, r.strategy_name::text, r.exit_time::timestamptz,
                                        r.mfe::numeric, r.mae::numeric, r.pnl_percent::numeric, r.net_pnl::numeric
                                   FROM trades AS r
                                  WHERE r.session_id = s.session_id
                                    AND r.exit_time >= coalesce(:start::timestamptz, '-infinity')
                                    AND r.exit_time < coalesce(:end::timestamptz, 'infinity')
                                  ORDER BY r.exit_time DESC, r.id DESC
                                  LIMIT :newest
                             ) AS l
                       WHERE (:strategy_name::text IS NULL OR l.strategy_name = :strategy_name)
                         AND (:symbol::text IS NULL OR l.symbol = :symbol)
                       ORDER BY l.exit_time DESC, l.id DESC
                       LIMIT :newest
                  ) AS t
            WHERE t.mfe IS NOT NULL
              AND t.mae IS NOT NULL
       ) AS n
 WHERE n.trades <= :points
    OR n.place = 1
    OR (n.place - 1) * :points / n.trades > (n.place - 2) * :points / n.trades
 ORDER BY n.place
