-- What is in decision_chunks, of the session $1 or of all.
SELECT c.session_id, sum(c.decisions) AS decisions, count(*) AS chunks
  FROM public.decision_chunks AS c
  JOIN public.trading_sessions AS s ON s.id = c.session_id AND s.purge_started_at IS NULL
 WHERE $1::bigint IS NULL
    OR c.session_id = $1
 GROUP BY c.session_id
 ORDER BY c.session_id
