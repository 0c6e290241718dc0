-- The positions of a list of orders that have one; ids of no order are left out.
SELECT o.id AS order_id, p.id AS position_id
  FROM jsonb_array_elements_text(:order_ids::jsonb) AS wanted (id)
  JOIN orders AS o ON o.id = wanted.id::bigint
  JOIN positions AS p ON p.id = o.position_id
 ORDER BY o.id
