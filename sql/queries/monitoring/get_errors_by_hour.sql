-- The errors of each of the last hours, this one included, oldest first; an hour without errors has a row, too.
WITH hours AS (
    SELECT hour
      FROM generate_series(
               date_trunc('hour', :now::timestamptz, 'UTC') - (:hours::integer - 1) * interval '1 hour',
               date_trunc('hour', :now, 'UTC'),
               interval '1 hour'
           ) AS hour
), scopes AS (
    SELECT s.session_id
      FROM chosen_sessions(:session_id, :source, NULL, NULL) AS s
     UNION ALL
    SELECT NULL
     WHERE num_nonnulls(:session_id, :source) = 0
), errors AS (
    SELECT date_trunc('hour', e.timestamp, 'UTC') AS hour, e.severity
      FROM scopes AS s
     CROSS JOIN LATERAL (
               SELECT v.timestamp, v.severity
                 FROM recent_errors(
                          s.session_id, date_trunc('hour', :now, 'UTC') - (:hours - 1) * interval '1 hour', :now
                      ) AS v
           ) AS e
)
SELECT h.hour, count(e.hour)::integer AS errors,
       (count(*) FILTER (WHERE e.severity = 'CRITICAL'))::integer AS critical_errors
  FROM hours AS h
  LEFT JOIN errors AS e ON e.hour = h.hour
 GROUP BY h.hour
 ORDER BY h.hour
