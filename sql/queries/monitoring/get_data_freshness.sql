-- The age of the newest records of the active sessions, or of the given session, by session.
SELECT s.id AS session_id, s.session_name, s.mode, s.strategy_name, s.symbol, s.is_active,
       f.snapshot_time, f.snapshot_age_seconds, f.decision_time, f.decision_age_seconds, f.trade_time,
       f.trade_age_seconds, f.event_time, f.event_age_seconds
  FROM chosen_sessions(:session_id, :source, NULL, NULL) AS c
 CROSS JOIN LATERAL (
           SELECT r.id, r.session_name, r.mode, r.strategy_name, r.symbol, r.is_active
             FROM trading_sessions AS r
            WHERE r.id = c.session_id
           OFFSET 0
       ) AS s
 CROSS JOIN freshness(s.id, :now) AS f
 WHERE s.is_active OR s.id = :session_id
 ORDER BY s.id
