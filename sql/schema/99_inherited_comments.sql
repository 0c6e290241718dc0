-- What a view's column means that has no comment of its own: the same as the table's column of that name which the view
-- reads.
DO $$
DECLARE
    inherited record;
BEGIN
    FOR inherited IN
        SELECT format('%I.%I.%I', n.nspname, v.relname, a.attname) AS subject,
               min(col_description(d.refobjid, d.refobjsubid)) AS comment
          FROM pg_class AS v
          JOIN pg_namespace AS n ON n.oid = v.relnamespace AND n.nspname IN ('public', 'reporting')
          JOIN pg_attribute AS a ON a.attrelid = v.oid AND a.attnum > 0 AND NOT a.attisdropped
          JOIN pg_rewrite AS w ON w.ev_class = v.oid
          JOIN pg_depend AS d
            ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
               AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> v.oid
          JOIN pg_attribute AS t ON t.attrelid = d.refobjid AND t.attnum = d.refobjsubid AND t.attname = a.attname
         WHERE v.relkind = 'v'
           AND col_description(v.oid, a.attnum) IS NULL
         GROUP BY n.nspname, v.relname, a.attname
        -- Where two tables have a column of that name, somebody has to say which is meant.
        HAVING count(DISTINCT d.refobjid) = 1
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s IS %L', inherited.subject, inherited.comment);
    END LOOP;
END
$$;
