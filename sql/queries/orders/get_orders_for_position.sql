-- The orders of a position, oldest first.
SELECT id, session_id, position_id, order_type, status, symbol, side, quantity, quote_quantity, price, filled_quantity,
       filled_price, commission, is_overfilled, needs_review, exchange_order_id, internal_order_id, replaced_order_id,
       strategy_name, target_level, size_fraction, reason, failure_reason, created_at, filled_at, cancelled_at,
       last_update
  FROM orders
 WHERE position_id = :position_id
   AND existing_position(:position_id) IS NOT NULL
 ORDER BY created_at, id
