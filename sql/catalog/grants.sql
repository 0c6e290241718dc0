-- What others than its owner may do with each object in public and reporting, as the statements that say so again.
WITH schemas AS (
    SELECT oid, nspname, nspowner, nspacl
      FROM pg_namespace
     WHERE nspname IN ('public', 'reporting')
), objects AS (
    SELECT 1 AS step,
           'SCHEMA' AS kind,
           quote_ident(nspname) AS name,
           NULL AS column_name,
           nspowner AS owner,
           nspacl AS acl
      FROM schemas
     WHERE nspname <> 'public'
     UNION ALL
    SELECT 2,
           CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
           format('%I.%I', s.nspname, c.relname),
           NULL,
           c.relowner,
           c.relacl
      FROM pg_class AS c
      JOIN schemas AS s ON s.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
     UNION ALL
    SELECT 2, 'TABLE', format('%I.%I', s.nspname, c.relname), quote_ident(a.attname), c.relowner, a.attacl
      FROM pg_attribute AS a
      JOIN pg_class AS c ON c.oid = a.attrelid
      JOIN schemas AS s ON s.oid = c.relnamespace
     WHERE NOT a.attisdropped
     UNION ALL
    SELECT 2,
           'ROUTINE',
           format('%I.%I(%s)', s.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
           NULL,
           p.proowner,
           p.proacl
      FROM pg_proc AS p
      JOIN schemas AS s ON s.oid = p.pronamespace
     UNION ALL
    SELECT 2, 'TYPE', format('%I.%I', s.nspname, t.typname), NULL, t.typowner, t.typacl
      FROM pg_type AS t
      JOIN schemas AS s ON s.oid = t.typnamespace
     WHERE t.typtype IN ('e', 'd')
)
-- Everybody may use a new function or type until somebody says otherwise.
SELECT format('REVOKE ALL ON %s %s FROM PUBLIC', kind, name) AS statement, 0 AS step
  FROM objects
 WHERE kind IN ('ROUTINE', 'TYPE')
   AND acl IS NOT NULL
 UNION ALL
SELECT format(
           'GRANT %s%s ON %s %s TO %s%s',
           a.privilege_type,
           ' (' || o.column_name || ')',
           o.kind,
           o.name,
           CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
           CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
       ),
       o.step
  FROM objects AS o,
       aclexplode(o.acl) AS a
 WHERE a.grantee <> o.owner
 ORDER BY step, statement
