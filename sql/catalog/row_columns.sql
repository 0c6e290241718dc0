-- The columns of a table ($1) that hold what was written, not what is computed from it, in order.
SELECT a.attname::text AS name, k.indexrelid IS NOT NULL AS is_key
  FROM pg_attribute AS a
  LEFT JOIN pg_index AS k ON k.indrelid = a.attrelid AND k.indisprimary AND a.attnum = any(k.indkey::smallint[])
 WHERE a.attrelid = to_regclass($1)
   AND a.attnum > 0
   AND NOT a.attisdropped
   AND a.attgenerated = ''
 ORDER BY a.attnum
