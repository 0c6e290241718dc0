-- Whether the server is a primary, whether it accepts writes, and how far its log has come.
SELECT NOT pg_is_in_recovery() AS is_primary,
       current_setting('transaction_read_only') = 'off' AS is_writable,
       (
           CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END - '0/0'
       )::bigint AS log_position
