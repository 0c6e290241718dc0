-- The ids of all sessions, newest first.
SELECT id
  FROM trading_sessions
 ORDER BY id DESC
