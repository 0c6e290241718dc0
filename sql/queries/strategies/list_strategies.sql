-- The strategies, or those of a status, in order of name and registration.
SELECT id, strategy_id, name, version, status, parent_id, merge_source, lineage_path, branch_name, created_by,
       description, tags, signal_generator_config, risk_manager_config, position_sizer_config, regime_detector_config,
       parameters, performance_summary, validation_results, config_hash, component_hash, created_at, updated_at
  FROM strategy_registry
 WHERE (:status::strategy_status IS NULL OR status = :status)
 ORDER BY name, id
 LIMIT :limit
