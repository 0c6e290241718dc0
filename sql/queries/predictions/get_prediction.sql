-- The cached prediction, unless it has expired; None is a miss.
WITH counted AS (
    -- Writes at the first hit and then once a minute; a hit never waits for another.
    UPDATE prediction_cache
       SET access_count = access_count + 1,
           last_accessed = statement_timestamp()
     WHERE cache_key = (
               SELECT cache_key
                 FROM prediction_cache
                WHERE cache_key = :cache_key::label
                  AND expires_at > statement_timestamp()
                  AND (access_count = 0 OR last_accessed < statement_timestamp() - interval '1 minute')
                  FOR NO KEY UPDATE SKIP LOCKED
           )
)
SELECT cache_key, model_name, features_hash, config_hash, predicted_price, confidence, direction,
       predicted_at, created_at, expires_at
  FROM prediction_cache
 WHERE cache_key = :cache_key
   AND expires_at > statement_timestamp()
