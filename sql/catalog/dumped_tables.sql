-- The tables whose rows a dump of the whole database holds, named as pg_dump names them.
SELECT format('%I.%I', n.nspname, c.relname) AS name
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r'
   AND n.nspname !~ '^pg_'
   AND n.nspname <> 'information_schema'
   AND NOT EXISTS (
           SELECT
             FROM pg_depend
            WHERE classid = 'pg_class'::regclass
              AND objid = c.oid
              AND deptype = 'e'
       )
