-- Whether a control flag, or the session's own of that name, is active now; one that was never set is not.
SELECT count(*) > 0 AS is_active
  FROM system_control_flags
 WHERE name IN (:name, :name || ':' || :session_id::bigint)
   AND active
   AND (:session_id::bigint IS NULL OR existing_session(:session_id) IS NOT NULL)
