-- The orders of a session by the identifier that their import gave them, and the positions that they belong to.
SELECT id, internal_order_id, position_id
  FROM orders
 WHERE session_id = :session_id
   AND existing_session(:session_id) IS NOT NULL
   AND internal_order_id IS NOT NULL
 ORDER BY id
