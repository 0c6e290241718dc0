-- Sessions that hold an advisory lock whose key has the upper half of $1, of roles that may change the schema.
SELECT l.pid
  FROM pg_locks AS l
  JOIN pg_database AS d ON d.oid = l.database
  LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
 WHERE l.locktype = 'advisory'
   AND d.datname = current_database()
   AND l.classid::bigint = $1::bigint >> 32
   AND l.objsubid = 1
   AND l.granted
   AND l.pid <> pg_backend_pid()
   -- A session that is newer than the statistics that this transaction sees is taken for one of them.
   AND (
       a.usesysid IS NULL
       OR pg_has_role(a.usesysid, d.datdba, 'MEMBER')
       OR EXISTS (
           SELECT
             FROM pg_roles AS r
             JOIN pg_namespace AS n ON n.nspname = 'public'
            WHERE pg_has_role(a.usesysid, r.oid, 'MEMBER')
              AND has_schema_privilege(r.oid, n.oid, 'CREATE')
       )
   )
