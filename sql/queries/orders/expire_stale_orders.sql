-- Expire a session's orders that are still PENDING and were journaled before a moment; how many there were.
SELECT expire_stale_orders(active_session(:session_id), :created_before::instant, :timestamp::instant) AS expired
 WHERE fenced(:session_id, :token::uuid)
