-- What uses a view, function or table ($1, named $2), or one column of it ($3), directly or by something else, and the
-- thing itself.
-- Kind and name as in objects.sql where it is a view, function or trigger; a description of everything.
WITH RECURSIVE users AS (
    SELECT CASE $1 WHEN 'function' THEN 'pg_proc'::regclass ELSE 'pg_class'::regclass END::oid AS classid,
           CASE $1 WHEN 'function' THEN to_regprocedure($2)::oid ELSE to_regclass($2)::oid END AS objid,
           (
               SELECT a.attnum::integer
                 FROM pg_attribute AS a
                WHERE a.attrelid = to_regclass(CASE $1 WHEN 'function' THEN NULL ELSE $2 END) AND a.attname = $3
           ) AS part
     UNION
    -- A view is used by the rule of another; its type, which is a part of it, by functions.
    SELECT CASE WHEN w.oid IS NULL THEN d.classid ELSE 'pg_class'::regclass END, coalesce(w.ev_class, d.objid), NULL
      FROM users AS u
      JOIN pg_depend AS d
        ON d.refclassid = u.classid AND d.refobjid = u.objid AND d.deptype IN ('n', 'a', 'i')
           AND (u.part IS NULL OR d.refobjsubid = u.part)
      LEFT JOIN pg_rewrite AS w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
)
SELECT CASE
           WHEN c.oid IS NOT NULL THEN 'view'
           WHEN p.oid IS NOT NULL THEN 'function'
           WHEN g.oid IS NOT NULL THEN 'trigger'
       END AS kind,
       CASE
           WHEN c.oid IS NOT NULL THEN CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname
           WHEN p.oid IS NOT NULL THEN p.oid::regprocedure::text
           WHEN g.oid IS NOT NULL THEN format('%s.%s', g.tgrelid::regclass, g.tgname)
       END AS name,
       pg_describe_object(u.classid, u.objid, 0) AS description
  FROM users AS u
  LEFT JOIN pg_class AS c ON u.classid = 'pg_class'::regclass AND c.oid = u.objid AND c.relkind = 'v'
  LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_proc AS p ON u.classid = 'pg_proc'::regclass AND p.oid = u.objid
  LEFT JOIN pg_trigger AS g ON u.classid = 'pg_trigger'::regclass AND g.oid = u.objid AND NOT g.tgisinternal
 WHERE u.classid <> 'pg_type'::regclass
   AND u.objid IS NOT NULL
