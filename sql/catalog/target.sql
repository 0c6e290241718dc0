-- Where a connection leads: who else is there, and about how many rows a destructive command would meet.
SELECT (
           SELECT count(*)
             FROM pg_stat_activity
            WHERE datname = current_database()
              AND backend_type = 'client backend'
              AND pid <> pg_backend_pid()
       ) AS connections,
       (
           SELECT coalesce(sum(greatest(c.reltuples, s.n_live_tup, 0)), 0)::bigint
             FROM pg_class AS c
             JOIN pg_namespace AS n ON n.oid = c.relnamespace
             LEFT JOIN pg_stat_user_tables AS s ON s.relid = c.oid
            WHERE c.relkind = 'r'
              AND n.nspname !~ '^pg_'
              AND n.nspname <> 'information_schema'
       ) AS rows,
       pg_database_size(current_database()) AS bytes
