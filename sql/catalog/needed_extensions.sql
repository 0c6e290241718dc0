-- The extensions that what is in the schemas of $1 depends on, and the schema that each is in.
WITH members AS (
    SELECT classid, objid, refobjid AS extension
      FROM pg_depend
     WHERE deptype = 'e'
       AND refclassid = 'pg_extension'::regclass
), named AS (
    SELECT 'pg_class'::regclass AS classid, oid, relnamespace AS schema FROM pg_class
     UNION ALL
    SELECT 'pg_type'::regclass, oid, typnamespace FROM pg_type
     UNION ALL
    SELECT 'pg_proc'::regclass, oid, pronamespace FROM pg_proc
)
SELECT DISTINCT e.extname::text AS name, w.nspname::text AS schema
  FROM pg_depend AS d
  JOIN members AS m ON m.classid = d.refclassid AND m.objid = d.refobjid
  JOIN pg_extension AS e ON e.oid = m.extension
  JOIN pg_namespace AS w ON w.oid = e.extnamespace
  LEFT JOIN pg_attrdef AS a ON d.classid = 'pg_attrdef'::regclass AND a.oid = d.objid
  LEFT JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
  LEFT JOIN pg_trigger AS t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid
  LEFT JOIN pg_constraint AS c ON d.classid = 'pg_constraint'::regclass AND c.oid = d.objid
  JOIN named AS o
    ON (o.classid, o.oid) = (d.classid, d.objid)
       OR (o.classid = 'pg_class'::regclass AND o.oid IN (a.adrelid, r.ev_class, t.tgrelid, c.conrelid))
       OR (o.classid = 'pg_type'::regclass AND o.oid = c.contypid)
  JOIN pg_namespace AS s ON s.oid = o.schema
 WHERE s.nspname IN (SELECT unnest($1::text[]))
   AND e.extname <> 'plpgsql'
   AND (o.classid, o.oid) NOT IN (SELECT classid, objid FROM members)
 ORDER BY name
