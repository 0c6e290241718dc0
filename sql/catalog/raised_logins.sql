-- Engines and readers that are more than that by themselves: an attribute of their login, or owning the database.
WITH members AS (
    SELECT DISTINCT r.oid, r.rolname, r.rolsuper, r.rolcreaterole, r.rolcreatedb, r.rolreplication, r.rolbypassrls
      FROM pg_roles AS r
      JOIN pg_auth_members AS own ON own.member = r.oid
      JOIN pg_roles AS base ON base.oid = own.roleid AND base.rolname IN ('atb_runtime', 'atb_reader')
     WHERE r.rolname NOT IN ('atb_owner', 'atb_runtime', 'atb_reader')
       -- Since PostgreSQL 16 the maker of a group is a member that can use nothing of it.
       AND (
               coalesce((to_jsonb(own) ->> 'inherit_option')::boolean, TRUE)
               OR coalesce((to_jsonb(own) ->> 'set_option')::boolean, TRUE)
           )
)
SELECT m.rolname::text AS login, a.attribute
  FROM members AS m
 CROSS JOIN LATERAL (
           VALUES ('SUPERUSER', m.rolsuper), ('CREATEROLE', m.rolcreaterole), ('CREATEDB', m.rolcreatedb),
                  ('REPLICATION', m.rolreplication), ('BYPASSRLS', m.rolbypassrls)
       ) AS a (attribute, has_it)
 WHERE a.has_it
 UNION ALL
SELECT m.rolname::text, 'OWNER'
  FROM members AS m
  JOIN pg_database AS d ON d.datdba = m.oid AND d.datname = current_database()
 ORDER BY login, attribute
