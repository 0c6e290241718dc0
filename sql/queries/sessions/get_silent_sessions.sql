-- The active sessions without a sign of life since a moment, the longest silent first.
SELECT s.id AS session_id, s.session_name, s.mode, s.start_time, l.last_sign_of_life,
       awaits_engine(s.id) AS awaits_engine
  FROM trading_sessions AS s
 CROSS JOIN LATERAL last_sign_of_life(s.id) AS l (last_sign_of_life)
 WHERE s.end_time IS NULL
   AND l.last_sign_of_life < :silent_since::timestamptz
 ORDER BY l.last_sign_of_life, s.id
