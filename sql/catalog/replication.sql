-- Who follows this server's log, and how many bytes of it are kept for whom; slots that nobody uses keep it for ever.
-- A receiver such as pg_receivewal replays nothing, and its replay_lag grows for ever: it is as far as it has flushed.
SELECT coalesce(s.slot_name::text, r.application_name, 'unnamed') AS follower,
       r.pid IS NOT NULL AS is_connected,
       pg_wal_lsn_diff(
           CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END,
           coalesce(r.replay_lsn, r.flush_lsn, s.restart_lsn)
       )::bigint AS bytes_behind,
       extract(
           EPOCH FROM CASE WHEN r.replay_lsn IS NULL THEN r.flush_lag ELSE r.replay_lag END
       )::double precision AS seconds_behind
  FROM pg_stat_replication AS r
  FULL JOIN pg_replication_slots AS s ON s.active_pid = r.pid
 ORDER BY follower
