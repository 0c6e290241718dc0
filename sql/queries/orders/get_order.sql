-- One order, by our id, the client order id or the exchange's.
SELECT id, session_id, position_id, order_type, status, symbol, side, quantity, quote_quantity, price, filled_quantity,
       filled_price, commission, is_overfilled, needs_review, exchange_order_id, internal_order_id, replaced_order_id,
       strategy_name, target_level, size_fraction, reason, failure_reason, created_at, filled_at, cancelled_at,
       last_update
  FROM orders
 WHERE id = find_order(:order_id, :session_id, :internal_order_id::text, :exchange_order_id::text)
