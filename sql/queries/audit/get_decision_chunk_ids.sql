-- The ids of the rows in which a session's compacted decisions are, in order.
SELECT id AS chunk_id
  FROM decision_chunks
 WHERE session_id = :session_id
   AND existing_session(:session_id) IS NOT NULL
 ORDER BY id
