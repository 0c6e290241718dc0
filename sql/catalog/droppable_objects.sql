-- Everything that a DROP can name outside of the system's schemas, or in those of $1, with that DROP: kinds and names
-- as in objects.sql.
-- Left out: members of extensions, the schema public itself, operators, collations and text search.
WITH extension_members AS (
    SELECT classid, objid
      FROM pg_depend
     WHERE deptype = 'e'
), schemas AS (
    SELECT oid, nspname, nspowner, CASE WHEN nspname <> 'public' THEN quote_ident(nspname) || '.' ELSE '' END AS prefix
      FROM pg_namespace
     WHERE nspname !~ '^pg_'
       AND nspname <> 'information_schema'
       AND ($1::text[] IS NULL OR nspname IN (SELECT unnest($1::text[])))
), objects AS (
    SELECT 'schema' AS kind,
           nspname::text AS name,
           format('DROP SCHEMA IF EXISTS %I CASCADE', nspname) AS statement,
           nspowner AS owner,
           'pg_namespace'::regclass AS classid,
           oid,
           0 AS parts
      FROM schemas
     WHERE nspname <> 'public'
     UNION ALL
    SELECT CASE
               WHEN c.relkind IN ('v', 'm') THEN 'view'
               WHEN c.relkind = 'S' THEN 'sequence'
               WHEN c.relkind = 'c' THEN 'type'
               ELSE 'table'
           END,
           s.prefix || c.relname,
           format(
               'DROP %s IF EXISTS %I.%I CASCADE',
               CASE c.relkind
                   WHEN 'v' THEN 'VIEW'
                   WHEN 'm' THEN 'MATERIALIZED VIEW'
                   WHEN 'S' THEN 'SEQUENCE'
                   WHEN 'c' THEN 'TYPE'
                   WHEN 'f' THEN 'FOREIGN TABLE'
                   ELSE 'TABLE'
               END,
               s.nspname,
               c.relname
           ),
           c.relowner,
           'pg_class'::regclass,
           c.oid,
           -- What a CASCADE would take away from a table that stays.
           (SELECT count(*) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)
           + (SELECT count(*) FROM pg_attrdef WHERE adrelid = c.oid)
           + (SELECT count(*) FROM pg_constraint WHERE conrelid = c.oid)
           + (SELECT count(*) FROM pg_index WHERE indrelid = c.oid)
           + (SELECT count(*) FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal)
           + (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid)
      FROM pg_class AS c
      JOIN schemas AS s ON s.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S', 'c')
       -- A partition, or a sequence of an identity column, goes with its table.
       AND NOT EXISTS (
           SELECT
             FROM pg_depend AS d
            WHERE d.classid = 'pg_class'::regclass
              AND d.objid = c.oid
              AND d.refclassid = 'pg_class'::regclass
              AND d.deptype IN ('a', 'i')
       )
     UNION ALL
    SELECT CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' ELSE 'type' END,
           s.prefix || t.typname,
           format('DROP TYPE IF EXISTS %I.%I CASCADE', s.nspname, t.typname),
           t.typowner,
           'pg_type'::regclass,
           t.oid,
           (SELECT count(*) FROM pg_constraint WHERE contypid = t.oid)
      FROM pg_type AS t
      JOIN schemas AS s ON s.oid = t.typnamespace
     WHERE t.typtype IN ('e', 'd', 'r')
     UNION ALL
    SELECT 'function',
           p.oid::regprocedure::text,
           format(
               'DROP ROUTINE IF EXISTS %I.%I(%s) CASCADE', s.nspname, p.proname,
               pg_get_function_identity_arguments(p.oid)
           ),
           p.proowner,
           'pg_proc'::regclass,
           p.oid,
           0
      FROM pg_proc AS p
      JOIN schemas AS s ON s.oid = p.pronamespace
)
SELECT kind, name, statement, pg_get_userbyid(owner)::text AS owner, parts
  FROM objects
 WHERE (classid, oid) NOT IN (SELECT classid, objid FROM extension_members)
 ORDER BY kind COLLATE "C", name COLLATE "C"
