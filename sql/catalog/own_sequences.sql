-- Sequences of columns, and the last number that each has given; the role may not see it where may_see is false.
SELECT r.relname::text AS table_name, a.attname::text AS column_name, q.relname::text AS sequence_name,
       has_sequence_privilege(q.oid, 'SELECT') OR has_sequence_privilege(q.oid, 'USAGE') AS may_see,
       CASE
           WHEN has_sequence_privilege(q.oid, 'SELECT') OR has_sequence_privilege(q.oid, 'USAGE')
               THEN coalesce(pg_sequence_last_value(q.oid), 0)
       END AS last_value
  FROM pg_depend AS d
  JOIN pg_class AS q ON q.oid = d.objid AND q.relkind = 'S'
  JOIN pg_class AS r ON r.oid = d.refobjid
  JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum = d.refobjsubid
 WHERE d.classid = 'pg_class'::regclass
   AND d.refclassid = 'pg_class'::regclass
   AND d.deptype IN ('a', 'i')
   AND r.relnamespace = 'public'::regnamespace
   AND a.atttypid IN ('bigint'::regtype, 'integer'::regtype)
   AND has_column_privilege(r.oid, a.attnum, 'SELECT')
 ORDER BY 1, 2
