-- What is in there goes back first.
DO $$
BEGIN
    PERFORM unpack_decisions(c.id, TRUE) FROM decision_chunks AS c ORDER BY c.id;
END
$$;

DROP TABLE decision_chunks;
DROP TYPE compacted_decision;
