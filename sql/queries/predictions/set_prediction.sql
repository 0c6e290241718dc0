-- Cache a prediction for a time; beyond the limit, the least recently used entries are removed.
WITH stored AS (
    INSERT INTO prediction_cache AS c (
        cache_key, model_name, features_hash, config_hash, predicted_price, confidence, direction, predicted_at,
        created_at, expires_at, access_count, last_accessed
    ) VALUES (
        :cache_key, :model_name, :features_hash, :config_hash, :predicted_price, :confidence, :direction, :predicted_at,
        statement_timestamp(),
        statement_timestamp() + :ttl_seconds::ttl_seconds * interval '1 second',
        0, statement_timestamp()
    )
    ON CONFLICT (cache_key) DO UPDATE
       SET model_name = excluded.model_name,
           features_hash = excluded.features_hash,
           config_hash = excluded.config_hash,
           predicted_price = excluded.predicted_price,
           confidence = excluded.confidence,
           direction = excluded.direction,
           predicted_at = excluded.predicted_at,
           created_at = excluded.created_at,
           expires_at = excluded.expires_at,
           access_count = 0,
           last_accessed = excluded.last_accessed
     WHERE c.predicted_at <> excluded.predicted_at
    RETURNING xmax = 0 AS inserted
), bound AS (
    -- Every n-th new entry makes room for n, n being a sixteenth of the bound: 16 rows are looked at per new entry.
    SELECT greatest(:max_entries::positive_integer / 16, 1) AS n
), due AS (
    SELECT b.n
      FROM stored AS s
     CROSS JOIN bound AS b
     WHERE CASE WHEN s.inserted THEN nextval('prediction_cache_insertions') % b.n = 0 ELSE FALSE END
), stale AS (
    SELECT cache_key
      FROM prediction_cache
     WHERE cache_key = any((
               SELECT array_agg(oldest.cache_key)
                 FROM due AS d
                CROSS JOIN LATERAL (
                          SELECT cache_key
                            FROM prediction_cache
                           ORDER BY last_accessed DESC
                           LIMIT 4 * d.n
                          OFFSET :max_entries - d.n
                      ) AS oldest
           )::text[])
       -- Nobody waits for what is in use, so that two of these cannot wait for each other.
       FOR UPDATE SKIP LOCKED
)
DELETE FROM prediction_cache
 WHERE cache_key IN (SELECT cache_key FROM stale)
