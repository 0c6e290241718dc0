-- Whether another session holds the advisory lock on migrations, whose key is the text "atb_db".
SELECT count(*) > 0 AS held
  FROM pg_locks AS l
  JOIN pg_database AS d ON d.oid = l.database
 WHERE l.locktype = 'advisory'
   AND d.datname = current_database()
   AND (l.classid::bigint << 32) | l.objid::bigint = $1
   AND l.objsubid = 1
   AND l.granted
   AND l.pid <> pg_backend_pid()
