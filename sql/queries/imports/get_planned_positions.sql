-- The positions of a list of orders that have one; ids of no order are left out.
SELECT o.id AS order_id, o.position_id
  FROM jsonb_array_elements_text(:order_ids::jsonb) AS wanted (id)
  JOIN orders AS o ON o.id = wanted.id::bigint
 WHERE o.position_id IS NOT NULL
 ORDER BY o.id
