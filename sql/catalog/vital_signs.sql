-- How the server does: its connections, its oldest transaction, its clock, how far its transaction ids are used.
SELECT current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
           AS server_limit,
       least(nullif(d.datconnlimit, -1), nullif(r.rolconnlimit, -1)) AS own_limit,
       CASE
           WHEN s.sees_everybody
               THEN (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
           ELSE (SELECT sum(numbackends)::bigint FROM pg_stat_database)
       END AS connections,
       (
           SELECT count(*)
             FROM pg_stat_activity
            WHERE coalesce(backend_type, 'client backend') = 'client backend'
              AND pid <> pg_backend_pid()
              AND (datname = current_database() OR usename = current_user)
       ) AS own_connections,
       s.sees_everybody,
       t.pid AS oldest_pid,
       t.application_name AS oldest_application,
       extract(EPOCH FROM clock_timestamp() - t.xact_start)::double precision AS oldest_seconds,
       clock_timestamp() AS server_time,
       age(d.datfrozenxid) AS transaction_age,
       pg_is_in_recovery() AS is_standby,
       CASE
           WHEN pg_is_in_recovery()
               THEN extract(EPOCH FROM clock_timestamp() - pg_last_xact_replay_timestamp())::double precision
       END AS standby_seconds,
       current_setting('synchronous_standby_names') <> ''
       AND NOT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')) AS waits_for_nobody,
       pg_database_size(d.oid) AS bytes
  FROM pg_database AS d
  JOIN pg_roles AS r ON r.rolname = current_user
 CROSS JOIN LATERAL (
           SELECT r.rolsuper OR pg_has_role('pg_read_all_stats', 'USAGE') AS sees_everybody
       ) AS s
  LEFT JOIN LATERAL (
           SELECT pid, application_name, xact_start
             FROM pg_stat_activity
            WHERE datname = d.datname
              AND backend_type = 'client backend'
              AND pid <> pg_backend_pid()
              AND xact_start IS NOT NULL
            ORDER BY xact_start
            LIMIT 1
       ) AS t ON TRUE
 WHERE d.datname = current_database()
