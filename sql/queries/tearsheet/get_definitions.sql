-- What every column of the schema reporting means, as its comment says.
SELECT c.relname::text AS view_name, a.attname::text AS column_name, d.description AS definition
  FROM pg_class AS c
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_description AS d ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = a.attnum
 WHERE c.relnamespace = 'reporting'::regnamespace
 ORDER BY c.relname, a.attnum
