-- Tables of which a fifth and more than ten thousand rows are dead: VACUUM does not keep up, or is kept from it.
SELECT relid::regclass::text AS "table", n_live_tup AS live, n_dead_tup AS dead
  FROM pg_stat_user_tables
 WHERE n_dead_tup > 10000
   AND n_dead_tup > 0.2 * (n_live_tup + n_dead_tup)
 ORDER BY n_dead_tup DESC
