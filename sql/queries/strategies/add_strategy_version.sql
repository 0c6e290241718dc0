-- Add a version to a strategy and make it the newest, atomically; the version's id.
WITH strategy AS MATERIALIZED (
    -- First, so that the versions of two requests become the newest in the order in which they are recorded, and a
    -- concurrent twin meets its request_id, not its own version.
    SELECT strategy_id
      FROM strategy_registry
     WHERE strategy_id = :strategy_id::label
       FOR NO KEY UPDATE
), added AS (
    INSERT INTO strategy_versions (
        strategy_id, version, changes, performance_delta, is_major, component_changes, parameter_changes, created_at,
        request_id, request_hash
    )
    SELECT :strategy_id, :version, :changes, :performance_delta, :is_major, :component_changes, :parameter_changes,
           :timestamp, :request_id, :request_hash
     WHERE (SELECT count(*) FROM strategy) IS NOT NULL
    ON CONFLICT (request_id) DO UPDATE
       SET request_id = CASE strategy_versions.request_hash
               WHEN excluded.request_hash THEN excluded.request_id
               ELSE refuse_request(excluded.request_id)
           END
    RETURNING id, strategy_id, version, created_at, xmax = 0 AS inserted
), current AS (
    UPDATE strategy_registry AS s
       SET version = a.version,
           updated_at = greatest(s.updated_at, a.created_at)
      FROM added AS a
     WHERE s.strategy_id = a.strategy_id
       AND a.inserted
)
SELECT id
  FROM added
