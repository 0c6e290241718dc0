-- The control flags that are active, and for how long: since they were set after they were last cleared, as far as
-- events tell, and however often they were set again.
WITH changes AS MATERIALIZED (
    SELECT e.timestamp, e.details ->> 'name' AS name, e.details -> 'active' = 'true' AS active
      FROM system_events AS e
     WHERE e.session_id IS NULL
       AND e.event_type = 'ALERT'
       AND e.component = 'control'
       AND EXISTS (SELECT FROM system_control_flags AS f WHERE f.active)
), set_since AS (
    SELECT s.name, min(s.timestamp) AS since
      FROM changes AS s
     WHERE s.active
       AND s.timestamp > coalesce(
               (SELECT max(c.timestamp) FROM changes AS c WHERE c.name = s.name AND NOT c.active), '-infinity'
           )
     GROUP BY s.name
)
SELECT f.name::text AS name,
       f.reason::text AS reason,
       f.source::text AS source,
       extract(EPOCH FROM clock_timestamp() - least(s.since, f.updated_at))::double precision AS active_seconds
  FROM system_control_flags AS f
  LEFT JOIN set_since AS s ON s.name = f.name
 WHERE f.active
 ORDER BY f.name
