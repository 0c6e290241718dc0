-- What anybody may do here by a grant or as the owner: the groups of atb_db, everybody (PUBLIC), all who gain by a
-- grant of their own on what is ours, and engines and readers by any; names are SQL. The large object functions are
-- where everybody may make what only harms.
WITH engines_and_readers AS (
    SELECT r.oid
      FROM pg_roles AS r
      JOIN pg_auth_members AS m ON m.member = r.oid
      JOIN pg_roles AS g ON g.oid = m.roleid AND g.rolname IN ('atb_runtime', 'atb_reader')
     WHERE NOT r.rolsuper
       AND r.rolname NOT IN ('atb_owner', 'atb_runtime', 'atb_reader')
       -- Since PostgreSQL 16 the maker of a group is a member that can use nothing of it.
       AND (
               coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, TRUE)
               OR coalesce((to_jsonb(m) ->> 'set_option')::boolean, TRUE)
           )
), schemas AS (
    SELECT oid, nspname, nspowner, nspacl
      FROM pg_namespace
     WHERE nspname IN ('public', 'reporting')
), relations AS (
    SELECT c.oid, c.relowner AS owner, CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
           format('%I.%I', s.nspname, c.relname) AS name,
           coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)) AS acl
      FROM pg_class AS c
      JOIN schemas AS s ON s.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S')
), lists AS (
    SELECT 'DATABASE' AS kind, quote_ident(datname) AS name, NULL AS column_name, datdba AS owner,
           coalesce(datacl, acldefault('d', datdba)) AS acl
      FROM pg_database
     WHERE datname = current_database()
     UNION ALL
    SELECT 'SCHEMA', quote_ident(nspname), NULL, nspowner, coalesce(nspacl, acldefault('n', nspowner))
      FROM schemas
     UNION ALL
    SELECT kind, name, NULL, owner, acl
      FROM relations
     UNION ALL
    SELECT r.kind, r.name, quote_ident(a.attname), r.owner, a.attacl
      FROM relations AS r
      JOIN pg_attribute AS a ON a.attrelid = r.oid AND NOT a.attisdropped
     UNION ALL
    SELECT CASE d.defaclobjtype WHEN 'S' THEN 'FUTURE SEQUENCES' ELSE 'FUTURE TABLES' END,
           coalesce(quote_ident(s.nspname), ''), NULL, d.defaclrole, d.defaclacl
      FROM pg_default_acl AS d
      LEFT JOIN schemas AS s ON s.oid = d.defaclnamespace
      JOIN pg_roles AS r ON r.oid = d.defaclrole AND r.rolname = 'atb_owner'
     WHERE d.defaclobjtype IN ('r', 'S')
       AND (s.oid IS NOT NULL OR d.defaclnamespace = 0)
     UNION ALL
    SELECT 'LARGE OBJECTS', p.oid::regprocedure::text, NULL, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
      FROM pg_proc AS p
     WHERE p.pronamespace = 'pg_catalog'::regnamespace
       AND p.proname IN ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_import')
       -- Only a superuser can take them away, so nobody else is asked to.
       AND pg_has_role(session_user, p.proowner, 'USAGE')
), granted AS (
    SELECT l.kind, l.name, l.column_name,
           CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee,
           a.privilege_type AS privilege, a.is_grantable,
           -- To a superuser, the owner and the owner's members a grant gives nothing, nor to members of the group that
           -- owns all of it.
           a.grantee <> 0
           AND NOT coalesce(
               (
                   SELECT r.rolsuper OR pg_has_role(r.oid, l.owner, 'USAGE') OR o.oid IS NOT NULL
                     FROM pg_roles AS r
                     LEFT JOIN pg_roles AS o ON o.rolname = 'atb_owner' AND pg_has_role(r.oid, o.oid, 'MEMBER')
                    WHERE r.oid = a.grantee
               ),
               TRUE
           ) AS gains,
           (
               SELECT count(*) > 0
                 FROM engines_and_readers AS e
                WHERE a.grantee <> 0
                  AND pg_has_role(e.oid, a.grantee, 'MEMBER')
           ) AS serves_them
      FROM lists AS l
     CROSS JOIN LATERAL aclexplode(l.acl) AS a
), found AS (
    SELECT kind, name, column_name, grantee, privilege, is_grantable
      FROM granted
     WHERE grantee IN ('atb_owner', 'atb_runtime', 'atb_reader', 'PUBLIC')
        OR (
               gains
               AND (
                       kind IN ('TABLE', 'SEQUENCE', 'FUTURE TABLES', 'FUTURE SEQUENCES')
                       OR (kind = 'SCHEMA' AND privilege = 'CREATE')
                       OR serves_them
                   )
           )
)
SELECT kind, name, column_name, grantee, privilege, FALSE AS may_grant
  FROM found
 UNION
SELECT kind, name, column_name, grantee, privilege, TRUE
  FROM found
 WHERE is_grantable
 UNION
-- By whatever grant: functions are everybody's unless somebody revoked that.
SELECT 'FUNCTION', p.oid::regprocedure::text, NULL, r.rolname::text, 'EXECUTE', FALSE
  FROM pg_proc AS p
  JOIN schemas AS s ON s.oid = p.pronamespace
 CROSS JOIN pg_roles AS r
 WHERE r.rolname IN ('atb_owner', 'atb_runtime', 'atb_reader')
   AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
