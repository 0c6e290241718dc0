-- Indexes that the server does not use, because building them was interrupted.
SELECT c.relname::text AS name
  FROM pg_index AS x
  JOIN pg_class AS c ON c.oid = x.indexrelid
 WHERE c.relnamespace = 'public'::regnamespace
   AND NOT x.indisvalid
