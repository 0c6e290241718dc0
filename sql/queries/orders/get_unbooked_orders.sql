-- A session's orders that were filled with something which is in no position, oldest first.
SELECT o.id AS order_id, o.position_id, o.order_type, o.status, o.symbol, o.side, o.filled_quantity,
       o.filled_quantity - u.unbooked_quantity AS booked_quantity, o.filled_price, o.exchange_order_id,
       o.internal_order_id, o.filled_at
  FROM unbooked_orders(:session_id) AS u
  JOIN orders AS o ON o.id = u.order_id
 WHERE existing_session(:session_id) IS NOT NULL
 ORDER BY o.filled_at, o.id
