-- Record that one strategy came from another, or update that record.
INSERT INTO strategy_lineage (
    ancestor_id, descendant_id, relationship_type, generation_distance, evolution_reason, change_impact,
    performance_improvement, risk_change, created_at
) VALUES (
    :ancestor_id, :descendant_id, :relationship_type, :generation_distance, :evolution_reason, :change_impact,
    :performance_improvement, :risk_change, :timestamp
)
ON CONFLICT (ancestor_id, descendant_id) DO UPDATE
   SET relationship_type = excluded.relationship_type,
       generation_distance = excluded.generation_distance,
       evolution_reason = excluded.evolution_reason,
       change_impact = excluded.change_impact,
       performance_improvement = excluded.performance_improvement,
       risk_change = excluded.risk_change
