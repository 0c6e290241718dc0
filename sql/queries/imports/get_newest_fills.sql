-- When the newest fill of each symbol of a session happened.
SELECT symbol, max(filled_at) AS filled_at
  FROM orders
 WHERE session_id = :session_id
   AND existing_session(:session_id) IS NOT NULL
   AND filled_at IS NOT NULL
 GROUP BY symbol
 ORDER BY symbol
