-- The newest orders that failed, newest first.
SELECT o.id, o.session_id, o.position_id, o.order_type, o.symbol, o.side, o.quantity, o.price, o.strategy_name,
       o.exchange_order_id, o.internal_order_id, o.failure_reason, o.created_at, o.last_update
  FROM chosen_sessions(:session_id, :source, NULL, NULL) AS s
 CROSS JOIN LATERAL (
           SELECT r.id, r.session_id, r.position_id, r.order_type, r.symbol, r.side, r.quantity, r.price,
                  r.strategy_name, r.exchange_order_id, r.internal_order_id, r.failure_reason, r.created_at,
                  r.last_update
             FROM orders AS r
            WHERE r.session_id = s.session_id
              AND r.status = 'FAILED'
              AND (:strategy_name::text IS NULL OR r.strategy_name = :strategy_name)
              AND (:symbol::text IS NULL OR r.symbol = :symbol)
            ORDER BY r.created_at DESC, r.id DESC
            LIMIT :limit
       ) AS o
 ORDER BY o.created_at DESC, o.id DESC
 LIMIT :limit
