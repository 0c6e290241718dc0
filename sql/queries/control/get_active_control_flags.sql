-- The active control flags, by name; an empty list means that none is active.
SELECT name, active, reason, source, updated_at
  FROM system_control_flags
 WHERE active
 ORDER BY name
