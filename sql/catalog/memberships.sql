-- Members of the engine's or the readers' group that are more than that: which role they were given, and what comes
-- with it; or that they may give their group to others. $1 are roles of the server that neither should have.
WITH members AS (
    SELECT r.oid, r.rolname, base.rolname AS base, bool_or(own.admin_option) AS gives
      FROM pg_roles AS r
      -- A member of the owner's group is what it is, unless it is an engine or a reader by a grant of its own.
      JOIN pg_auth_members AS own ON own.member = r.oid
      JOIN pg_roles AS base ON base.oid = own.roleid AND base.rolname IN ('atb_runtime', 'atb_reader')
     WHERE NOT r.rolsuper
       AND r.rolname NOT IN ('atb_owner', 'atb_runtime', 'atb_reader')
       -- Since PostgreSQL 16 the maker of a group is a member that can use nothing of it.
       AND (
               coalesce((to_jsonb(own) ->> 'inherit_option')::boolean, TRUE)
               OR coalesce((to_jsonb(own) ->> 'set_option')::boolean, TRUE)
           )
     GROUP BY r.oid, r.rolname, base.rolname
), excess AS (
    SELECT DISTINCT ON (r.rolname, given.rolname) r.rolname, given.rolname AS given, more.rolname AS more
      FROM members AS r
      JOIN pg_auth_members AS m ON m.member = r.oid
      JOIN pg_roles AS given ON given.oid = m.roleid
      JOIN pg_roles AS more ON pg_has_role(given.oid, more.oid, 'MEMBER')
     WHERE (r.base = 'atb_reader' AND more.rolname = 'atb_runtime')
        OR (
               given.rolname NOT IN ('atb_runtime', 'atb_reader')
               AND (
                       more.rolname = any($1::text[])
                       OR more.rolname IN ('atb_owner', 'pg_database_owner')
                       OR more.rolsuper
                       OR more.rolcreaterole
                       OR more.rolcreatedb
                       OR more.rolreplication
                       OR more.rolbypassrls
                   )
           )
     ORDER BY r.rolname, given.rolname, more.rolname = given.rolname DESC, more.rolname <> 'atb_owner', more.rolname
)
SELECT rolname::text AS login, given::text AS given, more::text AS more, FALSE AS gives
  FROM excess
 UNION ALL
SELECT rolname::text, base::text, base::text, TRUE
  FROM members
 WHERE gives
 ORDER BY login, given, more, gives
