-- A strategy's versions, oldest first.
SELECT id, strategy_id, version, changes, performance_delta, is_major, component_changes, parameter_changes, created_at
  FROM strategy_versions
 WHERE strategy_id = :strategy_id
   AND existing_strategy(:strategy_id) IS NOT NULL
 ORDER BY id
