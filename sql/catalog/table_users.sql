-- Who holds a lock on a table of ours, other than this session: the one whose transaction is the oldest first.
SELECT a.pid,
       a.application_name AS application,
       a.usename::text AS login,
       a.state,
       extract(EPOCH FROM clock_timestamp() - a.xact_start)::double precision AS seconds,
       string_agg(DISTINCT c.relname::text, ', ' ORDER BY c.relname::text) AS tables
  FROM pg_locks AS l
  JOIN pg_stat_activity AS a ON a.pid = l.pid
  JOIN pg_class AS c ON c.oid = l.relation AND c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
 WHERE l.granted
   AND l.pid <> pg_backend_pid()
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
 GROUP BY a.pid, a.application_name, a.usename, a.state, a.xact_start
 ORDER BY a.xact_start NULLS LAST, a.pid
 LIMIT 1
