-- The executions of an order, oldest first.
SELECT id, order_id, exchange_fill_id, quantity, price, commission, filled_at
  FROM order_fills
 WHERE order_id = :order_id
   AND existing_order(:order_id) IS NOT NULL
 ORDER BY filled_at, id
