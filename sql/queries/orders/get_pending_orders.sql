-- A session's orders that may still be filled (PENDING, OPEN, PARTIALLY_FILLED, UNKNOWN), oldest first.
SELECT id, session_id, position_id, order_type, status, symbol, side, quantity, quote_quantity, price, filled_quantity,
       filled_price, commission, is_overfilled, needs_review, exchange_order_id, internal_order_id, replaced_order_id,
       strategy_name, target_level, size_fraction, reason, failure_reason, created_at, filled_at, cancelled_at,
       last_update
  FROM orders
 WHERE session_id = :session_id
   AND existing_session(:session_id) IS NOT NULL
   AND created_at < coalesce(:created_before::timestamptz, 'infinity')
   AND status IN ('PENDING', 'OPEN', 'PARTIALLY_FILLED', 'UNKNOWN')
   AND NOT needs_review
 ORDER BY created_at, id
