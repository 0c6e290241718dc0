-- The control flags that are active, by name; none is the definite answer that none is.
SELECT name, active, reason, source, updated_at
  FROM system_control_flags
 WHERE active
 ORDER BY name
