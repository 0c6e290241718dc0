-- The tables with requests, and the columns that identify one.
SELECT c.relname::text AS table_name, a.attname::text AS column_name
  FROM pg_class AS c
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname IN ('request_id', 'token') AND NOT a.attisdropped
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.atttypid = 'uuid'::regtype
 ORDER BY 1
