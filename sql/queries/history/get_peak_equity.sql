-- The highest equity of each of any sessions, and when it was reached, newest session first.
SELECT s.session_id, x.high AS peak, x.high_time AS peak_time
  FROM chosen_sessions(:session_id, :source, NULL, NULL) AS s
 CROSS JOIN LATERAL (
           SELECT e.high, e.high_time
             FROM equity_steps(s.session_id, NULL, NULL, NULL, :start, :end, '{}', '{}') AS e
            ORDER BY e.high DESC, e.high_time
            LIMIT 1
       ) AS x
 ORDER BY s.start_time DESC, s.session_id DESC
