-- The database's surroundings: what its sessions start with, its extensions, and how much of each sequence is used.
SELECT current_setting('TimeZone') AS time_zone,
       (
           SELECT split_part(c.setting, '=', 2)
             FROM pg_db_role_setting AS s
            CROSS JOIN LATERAL unnest(s.setconfig) AS c (setting)
            WHERE s.setdatabase = d.oid
              AND s.setrole = 0
              AND c.setting ILIKE 'timezone=%'
       ) AS own_time_zone,
       pg_encoding_to_char(d.encoding)::text AS encoding,
       (SELECT coalesce(array_agg(extname::text ORDER BY extname), '{}') FROM pg_extension) AS extensions,
       (
           SELECT coalesce(array_agg(format('%s.%s', schemaname, sequencename) ORDER BY schemaname, sequencename), '{}')
             FROM pg_sequences
            WHERE schemaname IN ('public', 'reporting')
              AND NOT cycle
              AND CASE
                      WHEN increment_by > 0 THEN last_value::numeric / max_value
                      ELSE last_value::numeric / min_value
                  END > 0.8
       ) AS nearly_used_sequences
  FROM pg_database AS d
 WHERE d.datname = current_database()
