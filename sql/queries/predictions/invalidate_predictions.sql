-- Remove a model's, a configuration's, or all predictions from the cache.
DELETE FROM prediction_cache
 WHERE (:model_name::label IS NULL OR model_name = :model_name)
   AND (:config_hash::label IS NULL OR config_hash = :config_hash)
