-- The newest partial exits and scale-ins, newest first.
SELECT p.id, p.session_id, p.position_id, p.symbol, p.side, p.strategy_name, p.operation_type, p.size, p.quantity,
       p.price, p.pnl, p.target_level, p.timestamp
  FROM chosen_sessions(:session_id, :source, NULL, NULL) AS s
 CROSS JOIN LATERAL (
           -- A partial trade is no newer than its order's last fill: of the orders with the newest fills, the oldest
           -- partial trade says from which order on all others are older.
           SELECT CASE count(*) WHEN :limit::integer THEN min(n.timestamp) ELSE '-infinity' END AS oldest
             FROM (
                      SELECT t.timestamp
                        FROM orders AS o
                        JOIN partial_trades AS t ON t.order_id = o.id
                        JOIN positions AS h ON h.id = t.position_id
                       WHERE o.session_id = s.session_id
                         AND o.order_type IN ('PARTIAL_EXIT', 'SCALE_IN')
                         AND o.filled_at IS NOT NULL
                         AND (:strategy_name::text IS NULL OR h.strategy_name = :strategy_name)
                         AND (:symbol::text IS NULL OR h.symbol = :symbol)
                       ORDER BY o.filled_at DESC
                       LIMIT :limit
                  ) AS n
       ) AS c
 CROSS JOIN LATERAL (
           SELECT t.id, h.session_id, t.position_id, h.symbol, h.side, h.strategy_name, t.operation_type, t.size,
                  t.quantity, t.price, t.pnl, t.target_level, t.timestamp
             FROM orders AS o
             JOIN partial_trades AS t ON t.order_id = o.id
             JOIN positions AS h ON h.id = t.position_id
            WHERE o.session_id = s.session_id
              AND o.order_type IN ('PARTIAL_EXIT', 'SCALE_IN')
              AND o.filled_at >= c.oldest
              AND (:strategy_name::text IS NULL OR h.strategy_name = :strategy_name)
              AND (:symbol::text IS NULL OR h.symbol = :symbol)
            ORDER BY t.timestamp DESC, t.id DESC
            LIMIT :limit
       ) AS p
 ORDER BY p.timestamp DESC, p.id DESC
 LIMIT :limit
