-- Members of the engine's or the readers' group that are more than that: which role they were given, and what comes
-- with it.
SELECT r.rolname::text AS login, given.rolname::text AS given, more.rolname::text AS more
  FROM pg_roles AS r
  JOIN pg_auth_members AS m ON m.member = r.oid
  JOIN pg_roles AS given ON given.oid = m.roleid
  JOIN pg_roles AS more ON pg_has_role(given.oid, more.oid, 'MEMBER')
  JOIN pg_roles AS base ON base.rolname IN ('atb_runtime', 'atb_reader') AND pg_has_role(r.oid, base.oid, 'MEMBER')
 WHERE NOT r.rolsuper
   AND r.rolname NOT IN ('atb_owner', 'atb_runtime', 'atb_reader')
   -- A member of the owner's group is what it is, unless it is an engine or a reader by a grant of its own.
   AND EXISTS (
           SELECT
             FROM pg_auth_members AS own
            WHERE own.member = r.oid
              AND own.roleid = base.oid
       )
   AND (
           more.rolname IN ('pg_write_all_data', 'pg_write_server_files', 'pg_execute_server_program', 'atb_owner')
           OR (base.rolname = 'atb_reader' AND more.rolname = 'atb_runtime')
       )
   AND NOT (given.rolname IN ('atb_runtime', 'atb_reader') AND more.rolname NOT IN ('atb_runtime', 'atb_reader'))
 GROUP BY r.rolname, given.rolname, more.rolname
 ORDER BY r.rolname, given.rolname, more.rolname
