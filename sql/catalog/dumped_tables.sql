-- The tables whose rows a dump of the schemas in $1, or without it of the whole database, holds; named as pg_dump does.
SELECT format('%I.%I', n.nspname, c.relname) AS name
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r'
   AND n.nspname !~ '^pg_'
   AND n.nspname <> 'information_schema'
   AND ($1::text[] IS NULL OR n.nspname IN (SELECT unnest($1::text[])))
   AND NOT EXISTS (
           SELECT
             FROM pg_depend
            WHERE classid = 'pg_class'::regclass
              AND objid = c.oid
              AND deptype = 'e'
       )
