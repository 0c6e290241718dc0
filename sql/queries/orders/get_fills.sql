-- The executions of an order, oldest first.
SELECT id, order_id, exchange_fill_id::text AS exchange_fill_id, quantity::numeric AS quantity,
       price::numeric AS price, fee, fee_currency, commission, filled_at, position_id, is_booked,
       booked_quantity, pnl
  FROM order_fills
 WHERE order_id = :order_id
   AND existing_order(:order_id) IS NOT NULL
   AND kind = 'FILL'
 ORDER BY filled_at, id
