-- The control flags that are active, and for how long.
SELECT name::text AS name,
       reason::text AS reason,
       source::text AS source,
       extract(EPOCH FROM clock_timestamp() - updated_at)::double precision AS active_seconds
  FROM system_control_flags
 WHERE active
 ORDER BY name
