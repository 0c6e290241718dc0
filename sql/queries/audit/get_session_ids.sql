-- The ids of all sessions except those that are being removed, newest first.
SELECT id
  FROM trading_sessions
 WHERE purge_started_at IS NULL
 ORDER BY id DESC
