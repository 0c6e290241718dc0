-- The newest partial trades and the orders that were just expired are found without reading all orders of a session.
-- transactional: false
CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_partial_idx ON orders (session_id, filled_at)
WHERE order_type IN ('PARTIAL_EXIT', 'SCALE_IN') AND filled_at IS NOT NULL;

CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_expired_idx ON orders (session_id, cancelled_at)
WHERE status = 'EXPIRED';
