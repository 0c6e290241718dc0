-- What the server has for a scratch database that is like the connected one, and what killed runs have left there.
SELECT d.datcollate::text AS lc_collate,
       d.datctype::text AS lc_ctype,
       me.rolcreatedb OR me.rolsuper AS may_create,
       me.rolsuper AS is_superuser,
       (
           SELECT coalesce(array_agg(s.datname::text ORDER BY s.datname), '{}')
             FROM pg_database AS s
            WHERE s.datname ~ '^atb_db_(drill|rehearsal)_'
              AND pg_has_role(s.datdba, 'USAGE')
              AND NOT EXISTS (
                      SELECT
                        FROM pg_stat_activity AS a
                       WHERE a.datid = s.oid
                  )
       ) AS left_behind,
       (
           SELECT coalesce(array_agg(r.rolname::text ORDER BY r.rolname), '{}')
             FROM pg_roles AS r
            WHERE me.rolsuper
              AND r.rolname ~ '^atb_db_(drill|rehearsal)_'
              AND NOT EXISTS (
                      SELECT
                        FROM pg_database AS s
                       WHERE s.datname = r.rolname
                  )
       ) AS ownerless
  FROM pg_database AS d
  JOIN pg_roles AS me ON me.rolname = current_user
 WHERE d.datname = current_database()
