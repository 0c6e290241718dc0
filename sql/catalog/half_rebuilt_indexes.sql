-- What a REINDEX CONCURRENTLY that was interrupted has left: indexes that cost time with every write and serve nothing.
SELECT n.nspname::text AS schema, c.relname::text AS name
  FROM pg_index AS x
  JOIN pg_class AS c ON c.oid = x.indexrelid
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE NOT x.indisvalid
   AND c.relname ~ '_cc(new|old)[0-9]*$'
   AND n.nspname <> 'pg_toast'
 ORDER BY schema, name
