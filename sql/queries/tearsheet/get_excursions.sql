-- How far the newest trades went in their favour and against them, at most `points` of them, oldest first.
SELECT coalesce(n.id, 0) AS trade_id, n.symbol, n.exit_time, n.mfe, n.mae, n.pnl_percent, n.net_pnl
  FROM (
               SELECT t.id, t.symbol, t.exit_time, t.mfe, t.mae, t.pnl_percent, t.net_pnl,
                      row_number() OVER (ORDER BY t.exit_time, t.id) AS place, count(*) OVER () AS trades
                 FROM chosen_sessions(:session_id, :source, NULL, NULL) AS s
                CROSS JOIN LATERAL (
                          SELECT r.id, r.symbol::text, r.exit_time::timestamptz, r.mfe::numeric, r.mae::numeric,
                                 r.pnl_percent::numeric, r.net_pnl::numeric
                            FROM trades AS r
                           WHERE r.session_id = s.session_id
                             AND (:start::timestamptz IS NULL OR r.exit_time >= :start)
                             AND (:end::timestamptz IS NULL OR r.exit_time < :end)
                             AND (:strategy_name::text IS NULL OR r.strategy_name = :strategy_name)
                             AND (:symbol::text IS NULL OR r.symbol = :symbol)
                             AND r.mfe IS NOT NULL
                             AND r.mae IS NOT NULL
                           ORDER BY r.exit_time DESC, r.id DESC
                           LIMIT :newest
                      ) AS t
                ORDER BY t.exit_time DESC, t.id DESC
                LIMIT :newest
       ) AS n
 WHERE n.trades <= :points
    OR n.place = 1
    OR (n.place - 1) * :points / n.trades > (n.place - 2) * :points / n.trades
 ORDER BY n.place
