-- Looks for what pg_stat_statements has in its own schema from now on, in this transaction; no row where it is missing.
SELECT set_config('search_path', quote_ident(n.nspname), TRUE) AS search_path
  FROM pg_extension AS e
  JOIN pg_namespace AS n ON n.oid = e.extnamespace
 WHERE e.extname = 'pg_stat_statements'
