-- Deployment: what this database is to its operators, for the guards of destructive commands.

CREATE TABLE deployment (
    singleton boolean NOT NULL DEFAULT TRUE,
    environment environment,
    set_at instant,
    set_by label,
    collation_version label,
    collation_seen_at instant,
    CONSTRAINT deployment_pkey PRIMARY KEY (singleton),
    CONSTRAINT deployment_one_row CHECK (singleton),
    CONSTRAINT deployment_environment_set CHECK (num_nulls(environment, set_at, set_by) IN (0, 3)),
    CONSTRAINT deployment_collation_seen CHECK (num_nulls(collation_version, collation_seen_at) IN (0, 2))
);

COMMENT ON TABLE deployment IS
'What this database is: one row, or none as long as nobody has said anything. Destructive commands ask it.';
COMMENT ON COLUMN deployment.singleton IS 'Always true, so that there is one row at the most.';
COMMENT ON COLUMN deployment.environment IS 'What the database is used for; NULL while nobody has said.';
COMMENT ON COLUMN deployment.set_at IS 'When the environment was set.';
COMMENT ON COLUMN deployment.set_by IS 'Who set the environment: the role, and where from.';
COMMENT ON COLUMN deployment.collation_version IS
'Version of the collation library under which every index was last known to be in order.';
COMMENT ON COLUMN deployment.collation_seen_at IS 'When collation_version was recorded.';
