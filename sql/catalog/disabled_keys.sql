-- Foreign keys whose triggers do not fire: ALTER TABLE ... DISABLE TRIGGER ALL leaves the constraint as it looks.
SELECT r.relname::text AS table_name, c.conname::text AS constraint_name
  FROM pg_trigger AS g
  JOIN pg_constraint AS c ON c.oid = g.tgconstraint
  JOIN pg_class AS r ON r.oid = g.tgrelid
 WHERE g.tgisinternal
   AND g.tgenabled <> 'O'
   AND c.connamespace = 'public'::regnamespace
 GROUP BY 1, 2
 ORDER BY 1, 2
