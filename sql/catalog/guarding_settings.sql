-- Settings that every promise rests on, as sessions of this role begin with them, and as others are given them.
SELECT s.name, s.reset_val AS value, 'this session'::text AS given_to
  FROM pg_settings AS s
 WHERE (
           s.name IN ('session_replication_role', 'fsync', 'full_page_writes', 'synchronous_commit')
           -- A reader's own setting is what it is meant to have.
           OR (
               s.name = 'default_transaction_read_only'
               AND NOT EXISTS (
                       SELECT
                         FROM pg_db_role_setting AS g
                         JOIN pg_roles AS r ON r.oid = g.setrole
                        CROSS JOIN LATERAL unnest(g.setconfig) AS c (setting)
                        WHERE r.rolname = session_user AND c.setting = 'default_transaction_read_only=on'
                   )
           )
       )
 UNION ALL
SELECT split_part(c.setting, '=', 1), split_part(c.setting, '=', 2), coalesce('role ' || r.rolname, 'every role')
  FROM pg_db_role_setting AS g
 CROSS JOIN LATERAL unnest(g.setconfig) AS c (setting)
  LEFT JOIN pg_roles AS r ON r.oid = g.setrole
 WHERE g.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
   AND split_part(c.setting, '=', 1) IN (
           'session_replication_role', 'synchronous_commit', 'default_transaction_read_only'
       )
   AND NOT (split_part(c.setting, '=', 1) = 'default_transaction_read_only' AND g.setrole <> 0)
 ORDER BY 1, 3
