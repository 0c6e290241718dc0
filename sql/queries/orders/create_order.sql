-- Journal an order, normally before it is sent to the exchange; the order's id.
WITH new_order AS (
    INSERT INTO orders (
        session_id, position_id, order_type, status, symbol, side, quantity, price, exchange_order_id,
        internal_order_id, strategy_name, target_level, size_fraction, created_at, last_update, request_id, request_hash
    )
    SELECT :session_id, :position_id, :order_type, :status, :symbol, :side, :quantity, :price, :exchange_order_id,
           :internal_order_id,
           :strategy_name, :target_level, :size_fraction, :created_at, :created_at, :request_id, :request_hash
     -- Or a concurrent twin could meet its own order's other unique ids before it meets its request_id.
     WHERE pg_advisory_xact_lock(hashtextextended(:request_id::uuid::text, 0)) IS NOT NULL
    ON CONFLICT (request_id) DO UPDATE
       SET request_id = CASE orders.request_hash
               WHEN excluded.request_hash THEN excluded.request_id
               ELSE refuse_request(excluded.request_id)
           END
    RETURNING id, session_id, xmax = 0 AS inserted
)
SELECT id
  FROM new_order
 WHERE NOT inserted
    OR active_session(session_id) IS NOT NULL
