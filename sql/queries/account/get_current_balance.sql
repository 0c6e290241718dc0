-- A session's balance now: the sum of its ledger.
SELECT current_balance
  FROM trading_sessions
 WHERE id = :session_id
   AND existing_session(:session_id) IS NOT NULL
