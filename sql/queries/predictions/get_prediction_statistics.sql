-- The contents of the prediction cache, by model.
SELECT model_name,
       count(*) AS entries,
       count(*) FILTER (WHERE expires_at <= statement_timestamp()) AS expired_entries,
       count(*) FILTER (WHERE access_count = 0) AS unused_entries,
       sum(access_count) AS hits,
       min(created_at) AS oldest,
       max(created_at) AS newest,
       max(last_accessed) AS last_accessed
  FROM prediction_cache
 GROUP BY model_name
 ORDER BY model_name
