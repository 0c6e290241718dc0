-- Each active session that trades, or plays at it, how long its engine has been silent, and whether there ever was one.
SELECT s.id,
       s.session_name::text AS name,
       s.mode::text AS mode,
       extract(EPOCH FROM clock_timestamp() - last_sign_of_life(s.id))::double precision AS silent_seconds,
       awaits_engine(s.id) AS awaits_engine,
       CASE WHEN h.expires_at > clock_timestamp() THEN h.holder::text END AS held_by
  FROM trading_sessions AS s
  LEFT JOIN session_holds AS h ON h.session_id = s.id
 WHERE s.end_time IS NULL
   AND s.mode IN ('LIVE', 'PAPER')
   AND NOT s.is_verification
 ORDER BY silent_seconds DESC, s.id
