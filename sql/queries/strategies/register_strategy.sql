-- Register a strategy with its first version and its ancestry, atomically; its number.
WITH registered AS (
    INSERT INTO strategy_registry (
        strategy_id, name, version, status, parent_id, merge_source, lineage_path, branch_name, created_by, description,
        tags, signal_generator_config, risk_manager_config, position_sizer_config, regime_detector_config, parameters,
        performance_summary, validation_results, config_hash, component_hash, created_at, updated_at,
        request_id, request_hash
    )
    SELECT :strategy_id, :name, :version, :status, :parent_id, :merge_source,
           coalesce((SELECT lineage_path || '/' FROM strategy_registry WHERE strategy_id = :parent_id::label), '')
           || :strategy_id::label,
           :branch_name, :created_by, :description,
           :tags, :signal_generator_config, :risk_manager_config, :position_sizer_config, :regime_detector_config,
           :parameters,
           :performance_summary, :validation_results, :config_hash, :component_hash, :timestamp, :timestamp,
           :request_id, :request_hash
     -- Or a concurrent twin could meet its own strategy's other unique names before it meets its request_id. Other
     -- requests for the same strategy meet those names, which is what they are refused for.
     WHERE pg_advisory_xact_lock(hashtextextended(:request_id::uuid::text, 0)) IS NOT NULL
    ON CONFLICT (request_id) DO UPDATE
       SET request_id = CASE strategy_registry.request_hash
               WHEN excluded.request_hash THEN excluded.request_id
               ELSE refuse_request(excluded.request_id)
           END
    RETURNING id, strategy_id, version, parent_id, merge_source, branch_name, created_at, request_id, request_hash,
              xmax = 0 AS inserted
), first_version AS (
    INSERT INTO strategy_versions (strategy_id, version, changes, is_major, created_at, request_id, request_hash)
    SELECT strategy_id, version, '[]', TRUE, created_at, request_id, request_hash
      FROM registered
     WHERE inserted
), origin AS (
    INSERT INTO strategy_lineage (
        ancestor_id, descendant_id, relationship_type, evolution_reason, change_impact, performance_improvement,
        risk_change, created_at
    )
    SELECT r.parent_id, r.strategy_id,
           CASE WHEN r.branch_name IS NULL THEN 'EVOLUTION' ELSE 'BRANCH' END::strategy_relationship,
           :evolution_reason, :change_impact, :performance_improvement, :risk_change, r.created_at
      FROM registered AS r
     WHERE r.inserted
       AND r.parent_id IS NOT NULL
), merged AS (
    INSERT INTO strategy_lineage (ancestor_id, descendant_id, relationship_type, created_at)
    SELECT merge_source, strategy_id, 'MERGE', created_at
      FROM registered
     WHERE inserted
       AND merge_source IS NOT NULL
)
SELECT id
  FROM registered
