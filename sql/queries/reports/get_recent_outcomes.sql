-- How the newest trades ended, newest first.
SELECT t.exit_time, t.symbol, t.strategy_name, sign(t.pnl)::integer AS outcome, t.pnl, t.net_pnl
  FROM chosen_sessions(:session_id, :source, NULL, NULL) AS s
 CROSS JOIN LATERAL (
           SELECT r.id, r.exit_time, r.symbol, r.strategy_name, r.pnl, r.net_pnl
             FROM trades AS r
            WHERE r.session_id = s.session_id
              AND (:strategy_name::text IS NULL OR r.strategy_name = :strategy_name)
              AND (:symbol::text IS NULL OR r.symbol = :symbol)
            ORDER BY r.exit_time DESC, r.id DESC
            LIMIT :limit
       ) AS t
 ORDER BY t.exit_time DESC, t.id DESC
 LIMIT :limit
