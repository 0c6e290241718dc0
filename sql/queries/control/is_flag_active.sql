-- Whether a control flag is active now; one that was never set is not.
SELECT count(*) > 0 AS is_active
  FROM system_control_flags
 WHERE name = :name
   AND active
