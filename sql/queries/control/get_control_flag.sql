-- One control flag.
SELECT name, active, reason, source, updated_at
  FROM system_control_flags
 WHERE name = :name
   AND existing_flag(:name) IS NOT NULL
