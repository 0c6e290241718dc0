-- What of the database a dump of the schemas in $1 leaves out: other schemas, extensions, large objects.
WITH extension_members AS (
    SELECT classid, objid
      FROM pg_depend
     WHERE deptype = 'e'
)
SELECT 'schema' AS kind,
       n.nspname::text AS name,
       (SELECT count(*) FROM pg_class AS c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'm')) AS number
  FROM pg_namespace AS n
 WHERE n.nspname !~ '^pg_'
   AND n.nspname <> 'information_schema'
   AND n.nspname NOT IN (SELECT unnest($1::text[]))
   AND ('pg_namespace'::regclass, n.oid) NOT IN (SELECT classid, objid FROM extension_members)
 UNION ALL
SELECT 'extension', extname::text, 1
  FROM pg_extension
 WHERE extname <> 'plpgsql'
 UNION ALL
SELECT 'large objects', '', count(*)
  FROM pg_largeobject_metadata
HAVING count(*) > 0
 ORDER BY kind DESC, name
