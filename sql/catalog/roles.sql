-- The groups of atb_db and their direct members: what they may do everywhere, and their settings in this database.
SELECT r.rolname::text AS name,
       array_remove(
           ARRAY[
               CASE WHEN r.rolcanlogin THEN 'LOGIN' END,
               CASE WHEN r.rolsuper THEN 'SUPERUSER' END,
               CASE WHEN r.rolcreatedb THEN 'CREATEDB' END,
               CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END,
               CASE WHEN r.rolreplication THEN 'REPLICATION' END,
               CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END
           ],
           NULL
       ) AS attributes,
       (
           SELECT coalesce(array_agg(g.rolname::text ORDER BY g.rolname), '{}')
             FROM pg_auth_members AS m
             JOIN pg_roles AS g ON g.oid = m.roleid
            WHERE m.member = r.oid
       ) AS member_of,
       (
           SELECT coalesce(array_agg(c.setting ORDER BY s.setdatabase), '{}')
             FROM pg_db_role_setting AS s
             JOIN pg_database AS d ON d.datname = current_database() AND s.setdatabase IN (0, d.oid)
            CROSS JOIN LATERAL unnest(s.setconfig) AS c (setting)
            WHERE s.setrole = r.oid
       ) AS settings
  FROM pg_roles AS r
 WHERE r.rolname IN ('atb_owner', 'atb_runtime', 'atb_reader')
    OR EXISTS (
           SELECT
             FROM pg_auth_members AS m
             JOIN pg_roles AS g ON g.oid = m.roleid
            WHERE m.member = r.oid
              AND g.rolname IN ('atb_owner', 'atb_runtime', 'atb_reader')
       )
 ORDER BY r.rolname
