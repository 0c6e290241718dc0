-- The collations that indexes name themselves and that have versions: the version they were made with, and that in use.
SELECT n.nspname::text AS schema,
       c.collname::text AS name,
       c.collversion AS recorded,
       pg_collation_actual_version(c.oid) AS actual
  FROM pg_collation AS c
  JOIN pg_namespace AS n ON n.oid = c.collnamespace
 WHERE c.collversion IS NOT NULL
   AND EXISTS (SELECT FROM pg_index AS x WHERE c.oid = any(x.indcollation))
 ORDER BY schema, name
