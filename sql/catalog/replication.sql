-- Who follows this server's log, and how many bytes of it are kept for whom; slots that nobody uses keep it for ever.
SELECT coalesce(s.slot_name::text, r.application_name, 'unnamed') AS follower,
       r.pid IS NOT NULL AS is_connected,
       pg_wal_lsn_diff(
           CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END,
           coalesce(r.replay_lsn, s.restart_lsn)
       )::bigint AS bytes_behind,
       extract(EPOCH FROM r.replay_lag)::double precision AS seconds_behind
  FROM pg_stat_replication AS r
  FULL JOIN pg_replication_slots AS s ON s.active_pid = r.pid
 ORDER BY follower
