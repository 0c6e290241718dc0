-- The columns of each table in public, in order: the type that a domain is made of, and whether the server computes it.
SELECT c.relname::text AS table_name, a.attname::text AS name,
       (CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END)::regtype::text AS type,
       a.attgenerated <> '' AS is_generated
  FROM pg_class AS c
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_type AS t ON t.oid = a.atttypid
 WHERE c.relnamespace = 'public'::regnamespace
   AND c.relkind = 'r'
 ORDER BY c.relname, a.attnum
