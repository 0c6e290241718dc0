-- What our statements took on the server, by the names that they begin with; others' only if this role may read them.
SELECT substring(s.query FROM '^/\*action=''([a-z_]+\.[a-z0-9_]+)''') AS name,
       sum(s.calls)::bigint AS calls,
       sum(s.total_exec_time) / 1000 AS seconds
  FROM pg_stat_statements(TRUE) AS s
 WHERE s.dbid = (
           SELECT d.oid
             FROM pg_database AS d
            WHERE d.datname = current_database()
       )
   AND s.query ~ '^/\*action=''[a-z_]+\.[a-z0-9_]+'''
 GROUP BY name
