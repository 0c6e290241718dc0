-- Indexes above a megabyte that nothing has read since the statistics began, a month or longer ago; they guard nothing.
SELECT s.indexrelid::regclass::text AS name, pg_relation_size(s.indexrelid) AS bytes
  FROM pg_stat_user_indexes AS s
  JOIN pg_index AS x ON x.indexrelid = s.indexrelid
  JOIN pg_stat_database AS d ON d.datname = current_database()
 WHERE s.idx_scan = 0
   AND NOT x.indisunique
   AND NOT x.indisexclusion
   AND pg_relation_size(s.indexrelid) > 1048576
   AND coalesce(d.stats_reset, pg_postmaster_start_time()) < now() - interval '30 days'
 ORDER BY bytes DESC
