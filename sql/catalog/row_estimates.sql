-- About how many rows each table in public holds, without reading any: by its last ANALYZE and its size since.
SELECT c.relname::text AS "table",
       CASE
           WHEN c.reltuples > 0 AND c.relpages > 0
               THEN c.reltuples * (pg_relation_size(c.oid) / current_setting('block_size')::numeric) / c.relpages
           ELSE pg_stat_get_live_tuples(c.oid)
       END::bigint AS rows
  FROM pg_class AS c
 WHERE c.relnamespace = 'public'::regnamespace
   AND c.relkind IN ('r', 'p')
 ORDER BY c.relname
