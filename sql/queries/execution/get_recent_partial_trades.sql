-- The newest partial exits and scale-ins, newest first.
SELECT p.id, p.session_id, p.position_id, p.symbol, p.side, p.strategy_name, p.operation_type, p.size, p.quantity,
       p.price, p.pnl, p.target_level, p.timestamp
  FROM chosen_sessions(:session_id, :source, NULL, NULL) AS s
 CROSS JOIN LATERAL (
           SELECT r.id, h.session_id, r.position_id, h.symbol, h.side, h.strategy_name, r.operation_type, r.size,
                  r.quantity, r.price, r.pnl, r.target_level, r.timestamp
             FROM positions AS h
            CROSS JOIN LATERAL (
                      SELECT t.id, t.position_id, t.operation_type, t.size, t.quantity, t.price, t.pnl, t.target_level,
                             t.timestamp
                        FROM partial_trades AS t
                       WHERE t.position_id = h.id
                      OFFSET 0
                  ) AS r
            WHERE h.session_id = s.session_id
              AND h.strategy_name = coalesce(:strategy_name, h.strategy_name)
              AND h.symbol = coalesce(:symbol, h.symbol)
            ORDER BY r.timestamp DESC, r.id DESC
            LIMIT :limit
       ) AS p
 ORDER BY p.timestamp DESC, p.id DESC
 LIMIT :limit
