-- Remove from the cache all predictions, or those of a model or a configuration.
DELETE FROM prediction_cache
 WHERE (:model_name::label IS NULL OR model_name = :model_name)
   AND (:config_hash::label IS NULL OR config_hash = :config_hash)
