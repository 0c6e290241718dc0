-- How far the server's log has come, and how far the slot $1 has; no slot, no row for it.
SELECT clock_timestamp() AS now,
       (pg_current_wal_flush_lsn() - '0/0')::bigint AS written,
       s.slot_name IS NOT NULL AS has_slot,
       coalesce(s.active, FALSE) AS is_active,
       coalesce(s.wal_status <> 'lost', FALSE) AS is_usable,
       coalesce(current_setting('summarize_wal', TRUE) = 'on', FALSE) AS summarizes,
       (s.restart_lsn - '0/0')::bigint AS kept
  FROM (VALUES (1)) AS one (row)
  LEFT JOIN pg_replication_slots AS s ON s.slot_name = $1
