-- What a copy of this database's schema needs to be made beside it, and what earlier ones were left behind.
SELECT d.oid::bigint AS database,
       d.datcollate::text AS lc_collate,
       d.datctype::text AS lc_ctype,
       (SELECT r.rolcreatedb OR r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) AS may_create,
       (
           SELECT coalesce(array_agg(s.datname::text ORDER BY s.datname), '{}')
             FROM pg_database AS s
            WHERE starts_with(s.datname, format('atb_rehearsal_%s_', d.oid))
              AND pg_has_role(s.datdba, 'USAGE')
       ) AS left_behind
  FROM pg_database AS d
 WHERE d.datname = current_database()
