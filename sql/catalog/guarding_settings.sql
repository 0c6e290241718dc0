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
SELECT g.name, lower(g.value), coalesce('role ' || r.rolname, 'every role')
  FROM (
           SELECT s.setdatabase, s.setrole, split_part(c.setting, '=', 1) AS name,
                  CASE
                      WHEN lower(split_part(c.setting, '=', 2)) IN ('false', 'no', '0', 'f', 'n') THEN 'off'
                      WHEN lower(split_part(c.setting, '=', 2)) IN ('true', 'yes', '1', 't', 'y') THEN 'on'
                      ELSE split_part(c.setting, '=', 2)
                  END AS value
             FROM pg_db_role_setting AS s
            CROSS JOIN LATERAL unnest(s.setconfig) AS c (setting)
       ) AS g
  LEFT JOIN pg_roles AS r ON r.oid = g.setrole
 WHERE g.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
   AND (
           g.name IN ('session_replication_role', 'synchronous_commit')
           -- Readers are meant to be read-only, and what others may write elsewhere is their own business.
           OR (
               g.name = 'default_transaction_read_only'
               AND (
                       g.setrole = 0
                       OR EXISTS (
                           SELECT
                             FROM pg_roles AS w
                            WHERE w.rolname IN ('atb_owner', 'atb_runtime')
                              AND r.rolcanlogin
                              AND NOT r.rolsuper
                              AND pg_has_role(r.oid, w.oid, 'MEMBER')
                       )
                   )
           )
       )
 ORDER BY 1, 3
