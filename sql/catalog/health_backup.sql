-- How long ago the newest backup of the last weeks was made, NULL without one; and whether an archiver follows closely.
SELECT (
           SELECT extract(EPOCH FROM clock_timestamp() - timestamp)::double precision
             FROM system_events
            WHERE session_id IS NULL
              AND event_type = 'BACKUP'
              AND timestamp > clock_timestamp() - interval '35 days'
            ORDER BY timestamp DESC
            LIMIT 1
       ) AS seconds,
       (
           SELECT count(*) > 0
             FROM pg_replication_slots
            WHERE slot_name ~ '^atb_archive_'
              AND active
              AND NOT pg_is_in_recovery()
              AND pg_wal_lsn_diff(
                      CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_lsn() END, restart_lsn
                  ) < 16777216
       ) AS is_archived
