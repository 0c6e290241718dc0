-- A session's planned positions: nothing of their entry orders is filled, and it may still be; oldest first.
SELECT id, session_id, symbol, side, planned_quantity, planned_size, stop_loss, take_profit, trailing_stop,
       strategy_name, entry_time AS planned_at
  FROM positions
 WHERE existing_session(:session_id) IS NOT NULL
   AND status = 'PLANNED'
   AND id IN (
           SELECT o.position_id
             FROM orders AS o
            WHERE o.session_id = :session_id
              AND o.order_type = 'ENTRY'
              AND o.status IN ('PENDING', 'OPEN', 'PARTIALLY_FILLED', 'UNKNOWN')
       )
 ORDER BY entry_time, id
