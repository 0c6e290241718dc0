-- The ancestors of a strategy, direct or over generations, nearest first.
WITH RECURSIVE line (strategy_id, steps, distance) AS (
    SELECT :strategy_id::text, 0, 0
     UNION
    SELECT l.ancestor_id::text, n.steps + 1, n.distance + l.generation_distance
      FROM line AS n
      JOIN strategy_lineage AS l ON l.descendant_id = n.strategy_id
     -- No way without a circle is longer, so that a circle ends here.
     WHERE n.steps < (SELECT count(*) FROM strategy_registry)
       AND l.ancestor_id <> :strategy_id
), nearest AS (
    SELECT strategy_id, min(distance) AS distance
      FROM line
     WHERE steps > 0
     GROUP BY strategy_id
)
SELECT s.strategy_id, s.name, s.version, s.status, n.distance,
       d.relationship_type, d.evolution_reason, d.change_impact, d.performance_improvement, d.risk_change
  FROM nearest AS n
  JOIN strategy_registry AS s ON s.strategy_id = n.strategy_id
  LEFT JOIN strategy_lineage AS d ON d.ancestor_id = s.strategy_id AND d.descendant_id = :strategy_id
 WHERE existing_strategy(:strategy_id) IS NOT NULL
 ORDER BY n.distance, s.id
