-- Indexes whose order depends on the version of a collation, with these collations; `default` is the database's own.
-- A hash index of a deterministic collation depends on none: it compares bytes.
SELECT x.indexrelid::bigint AS oid,
       n.nspname::text AS schema,
       c.relname::text AS name,
       x.indrelid::regclass::text AS "table",
       pg_relation_size(c.oid) AS bytes,
       m.amname = 'btree' AS is_btree,
       x.indisvalid AS is_valid,
       x.indisexclusion AS is_exclusion,
       array_agg(
           DISTINCT CASE o.collprovider WHEN 'd' THEN 'default' ELSE s.nspname || '.' || o.collname END
       ) AS collations
  FROM pg_index AS x
  JOIN pg_class AS c ON c.oid = x.indexrelid
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  JOIN pg_am AS m ON m.oid = c.relam
  JOIN pg_collation AS o ON o.oid = any(x.indcollation)
  JOIN pg_namespace AS s ON s.oid = o.collnamespace
 WHERE c.relkind = 'i'
   AND c.relpersistence <> 't'
   AND c.relname !~ '_cc(new|old)[0-9]*$'
   AND (o.collversion IS NOT NULL OR o.collprovider = 'd')
   AND NOT (m.amname = 'hash' AND o.collisdeterministic)
 GROUP BY x.indexrelid, x.indrelid, n.nspname, c.oid, c.relname, m.amname, x.indisvalid, x.indisexclusion
 ORDER BY schema, name
