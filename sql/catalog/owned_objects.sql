-- The database and what can be owned in its schemas public and reporting, by whom; a sequence with the table that it
-- numbers.
WITH schemas AS (
    SELECT oid, nspname, nspowner
      FROM pg_namespace
     WHERE nspname IN ('public', 'reporting')
), extension_members AS (
    SELECT classid, objid
      FROM pg_depend
     WHERE deptype = 'e'
), objects AS (
    SELECT 'database' AS kind, oid, NULL AS schema_name, datname::text AS name, datdba AS owner, NULL::oid AS part_of
      FROM pg_database
     WHERE datname = current_database()
     UNION ALL
    SELECT 'schema', oid, NULL, nspname, nspowner, NULL
      FROM schemas
     UNION ALL
    SELECT CASE WHEN c.relkind IN ('v', 'm') THEN 'view' WHEN c.relkind = 'S' THEN 'sequence' ELSE 'table' END,
           c.oid, s.nspname, c.relname, c.relowner, d.refobjid
      FROM pg_class AS c
      JOIN schemas AS s ON s.oid = c.relnamespace
      LEFT JOIN pg_depend AS d
        ON c.relkind = 'S' AND d.classid = 'pg_class'::regclass AND d.objid = c.oid
           AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S')
       AND ('pg_class'::regclass, c.oid) NOT IN (SELECT classid, objid FROM extension_members)
     UNION ALL
    SELECT CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' ELSE 'type' END,
           t.oid, s.nspname, t.typname, t.typowner, NULL
      FROM pg_type AS t
      JOIN schemas AS s ON s.oid = t.typnamespace
      LEFT JOIN pg_class AS c ON c.oid = t.typrelid
     -- The row type of a table is its table's owner's.
     WHERE (t.typtype IN ('e', 'd') OR c.relkind = 'c')
       AND ('pg_type'::regclass, t.oid) NOT IN (SELECT classid, objid FROM extension_members)
     UNION ALL
    SELECT 'function', p.oid, s.nspname, p.oid::regprocedure::text, p.proowner, NULL
      FROM pg_proc AS p
      JOIN schemas AS s ON s.oid = p.pronamespace
     WHERE ('pg_proc'::regclass, p.oid) NOT IN (SELECT classid, objid FROM extension_members)
)
SELECT o.kind,
       -- As the catalog names it: in reporting with the schema, except that a function's name has it already.
       CASE WHEN o.schema_name = 'reporting' AND o.kind <> 'function' THEN 'reporting.' ELSE '' END || o.name AS name,
       CASE
           WHEN o.kind = 'function' THEN o.name
           WHEN o.kind IN ('database', 'schema') THEN quote_ident(o.name)
           ELSE format('%I.%I', o.schema_name, o.name)
       END AS sql_name,
       pg_get_userbyid(o.owner)::text AS owner,
       t.relname::text AS part_of
  FROM objects AS o
  LEFT JOIN pg_class AS t ON t.oid = o.part_of
 ORDER BY o.kind, name
