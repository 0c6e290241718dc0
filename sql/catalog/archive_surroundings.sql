-- What the server says about following its log: which server it is, its limits, and how much of them is used.
SELECT (SELECT system_identifier::text FROM pg_control_system()) AS system_identifier,
       pg_size_bytes(current_setting('wal_segment_size'))::integer AS segment_size,
       current_setting('wal_level') AS wal_level,
       me.rolreplication OR me.rolsuper AS may_replicate,
       current_setting('max_wal_senders')::integer AS max_wal_senders,
       (SELECT count(*)::integer FROM pg_stat_replication) AS senders,
       current_setting('max_replication_slots')::integer AS max_replication_slots,
       (SELECT count(*)::integer FROM pg_replication_slots) AS slots,
       (
           SELECT setting::integer
             FROM pg_settings
            WHERE name = 'max_slot_wal_keep_size'
       ) AS kept_at_most,
       (SELECT count(*)::integer FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')) AS tablespaces,
       pg_is_in_recovery() AS is_standby,
       current_setting('summarize_wal', TRUE) = 'on' AS summarizes,
       (
           SELECT min(r.rolname)::text
             FROM pg_roles AS r
            WHERE r.rolname IN (
                      'rds_superuser', 'cloudsqlsuperuser', 'azure_pg_admin', 'neon_superuser', 'supabase_admin'
                  )
       ) AS provider_role
  FROM pg_roles AS me
 -- Who follows the log logs in for it, whatever role the session works as.
 WHERE me.rolname = session_user
