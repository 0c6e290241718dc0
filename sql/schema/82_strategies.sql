-- Strategies: what they are made of, their versions, how each performed, and which came from which.

CREATE TABLE strategy_registry (
    id bigint GENERATED ALWAYS AS IDENTITY,
    strategy_id label NOT NULL,
    name label NOT NULL,
    version label NOT NULL,
    status strategy_status NOT NULL,
    parent_id label,
    merge_source label,
    lineage_path prose NOT NULL,
    branch_name label,
    created_by label NOT NULL,
    description prose,
    tags document,
    signal_generator_config document NOT NULL,
    risk_manager_config document NOT NULL,
    position_sizer_config document NOT NULL,
    regime_detector_config document,
    parameters document,
    performance_summary document,
    validation_results document,
    config_hash label,
    component_hash label,
    created_at instant NOT NULL,
    updated_at instant NOT NULL,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT strategy_registry_pkey PRIMARY KEY (id),
    CONSTRAINT strategy_registry_request_id_key UNIQUE (request_id),
    CONSTRAINT strategy_registry_strategy_id_key UNIQUE (strategy_id),
    CONSTRAINT strategy_registry_name_version_key UNIQUE (name, version),
    CONSTRAINT strategy_registry_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES strategy_registry (strategy_id),
    CONSTRAINT strategy_registry_merge_source_fkey FOREIGN KEY (merge_source)
    REFERENCES strategy_registry (strategy_id),
    CONSTRAINT strategy_registry_parent_is_another CHECK (parent_id <> strategy_id),
    CONSTRAINT strategy_registry_merge_source_is_another CHECK (
        merge_source NOT IN (strategy_id, coalesce(parent_id, strategy_id))
    )
);

-- Read when a strategy is deleted.
CREATE INDEX strategy_registry_parent_id_idx ON strategy_registry (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX strategy_registry_merge_source_idx ON strategy_registry (merge_source) WHERE merge_source IS NOT NULL;

COMMENT ON TABLE strategy_registry IS 'Every strategy with the configuration of its components, one row each.';
COMMENT ON COLUMN strategy_registry.id IS 'Identifier.';
COMMENT ON COLUMN strategy_registry.strategy_id IS 'Identifier that people and other tables use.';
COMMENT ON COLUMN strategy_registry.name IS 'Name for people.';
COMMENT ON COLUMN strategy_registry.version IS 'Newest version; all of them are in strategy_versions.';
COMMENT ON COLUMN strategy_registry.status IS 'Where the strategy stands in its life.';
COMMENT ON COLUMN strategy_registry.parent_id IS 'Strategy that it came from; NULL for the first of its line.';
COMMENT ON COLUMN strategy_registry.merge_source IS 'Second strategy that parts were taken from; NULL without one.';
COMMENT ON COLUMN strategy_registry.lineage_path IS
'strategy_id of every parent''s parent down to this one, separated by slashes.';
COMMENT ON COLUMN strategy_registry.branch_name IS 'Name of the branch that it belongs to; NULL on the main line.';
COMMENT ON COLUMN strategy_registry.created_by IS 'Who or what made it.';
COMMENT ON COLUMN strategy_registry.description IS 'What it does.';
COMMENT ON COLUMN strategy_registry.tags IS 'Words to find it by, a JSON array.';
COMMENT ON COLUMN strategy_registry.signal_generator_config IS 'Configuration of the signal generator.';
COMMENT ON COLUMN strategy_registry.risk_manager_config IS 'Configuration of the risk manager.';
COMMENT ON COLUMN strategy_registry.position_sizer_config IS 'Configuration of the position sizer.';
COMMENT ON COLUMN strategy_registry.regime_detector_config IS 'Configuration of the regime detector, if it has one.';
COMMENT ON COLUMN strategy_registry.parameters IS 'Its own parameters.';
COMMENT ON COLUMN strategy_registry.performance_summary IS 'How it performed when it was registered.';
COMMENT ON COLUMN strategy_registry.validation_results IS 'How it was validated when it was registered.';
COMMENT ON COLUMN strategy_registry.config_hash IS 'Hash of the configuration, made by the registering program.';
COMMENT ON COLUMN strategy_registry.component_hash IS 'Hash of the components'' code, made by the registering program.';
COMMENT ON COLUMN strategy_registry.created_at IS 'When it was registered.';
COMMENT ON COLUMN strategy_registry.updated_at IS 'When its version or status last changed.';
COMMENT ON COLUMN strategy_registry.request_id IS
'Identifies the request that created the row, so that a retry creates nothing.';
COMMENT ON COLUMN strategy_registry.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';

CREATE TABLE strategy_versions (
    id bigint GENERATED ALWAYS AS IDENTITY,
    strategy_id label NOT NULL,
    version label NOT NULL,
    changes document NOT NULL,
    performance_delta document,
    is_major boolean NOT NULL,
    component_changes document,
    parameter_changes document,
    created_at instant NOT NULL,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT strategy_versions_pkey PRIMARY KEY (id),
    CONSTRAINT strategy_versions_request_id_key UNIQUE (request_id),
    CONSTRAINT strategy_versions_version_key UNIQUE (strategy_id, version),
    CONSTRAINT strategy_versions_strategy_id_fkey FOREIGN KEY (strategy_id) REFERENCES strategy_registry (strategy_id)
);

COMMENT ON TABLE strategy_versions IS 'Every version of every strategy, the first included.';
COMMENT ON COLUMN strategy_versions.id IS 'Identifier.';
COMMENT ON COLUMN strategy_versions.strategy_id IS 'Strategy.';
COMMENT ON COLUMN strategy_versions.version IS 'Version, once per strategy.';
COMMENT ON COLUMN strategy_versions.changes IS 'What changed, a JSON array; empty for the first version.';
COMMENT ON COLUMN strategy_versions.performance_delta IS 'How figures changed against the version before.';
COMMENT ON COLUMN strategy_versions.is_major IS 'Whether it behaves differently, not only better.';
COMMENT ON COLUMN strategy_versions.component_changes IS 'What changed in its components.';
COMMENT ON COLUMN strategy_versions.parameter_changes IS 'What changed in its parameters.';
COMMENT ON COLUMN strategy_versions.created_at IS 'When the version was made.';
COMMENT ON COLUMN strategy_versions.request_id IS
'Identifies the request that created the row, so that a retry creates nothing.';
COMMENT ON COLUMN strategy_versions.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';

CREATE TABLE strategy_performance (
    id bigint GENERATED ALWAYS AS IDENTITY,
    strategy_id label NOT NULL,
    version label NOT NULL,
    period_start instant NOT NULL,
    period_end instant NOT NULL,
    period_type label NOT NULL,
    total_return amount NOT NULL,
    total_return_pct ratio NOT NULL,
    sharpe_ratio ratio,
    sortino_ratio ratio,
    calmar_ratio ratio,
    max_drawdown nonnegative NOT NULL,
    volatility nonnegative,
    var_95 ratio,
    win_rate fraction,
    total_trades counter NOT NULL,
    winning_trades counter NOT NULL,
    losing_trades counter NOT NULL,
    avg_trade_duration_hours nonnegative,
    signal_generator_contribution ratio,
    risk_manager_contribution ratio,
    position_sizer_contribution ratio,
    regime_performance document,
    additional_metrics document,
    test_symbol symbol,
    test_timeframe label,
    test_parameters document,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT strategy_performance_pkey PRIMARY KEY (id),
    CONSTRAINT strategy_performance_request_id_key UNIQUE (request_id),
    CONSTRAINT strategy_performance_version_fkey FOREIGN KEY (strategy_id, version)
    REFERENCES strategy_versions (strategy_id, version),
    CONSTRAINT strategy_performance_end_after_start CHECK (period_end > period_start),
    CONSTRAINT strategy_performance_counts CHECK (winning_trades + losing_trades <= total_trades)
);

-- Read by compare_strategy_performance.
CREATE INDEX strategy_performance_strategy_id_period_end_idx ON strategy_performance (strategy_id, period_end, id);

COMMENT ON TABLE strategy_performance IS 'How a version of a strategy performed in a period, tested or live.';
COMMENT ON COLUMN strategy_performance.id IS 'Identifier.';
COMMENT ON COLUMN strategy_performance.strategy_id IS 'Strategy.';
COMMENT ON COLUMN strategy_performance.version IS 'Version that performed.';
COMMENT ON COLUMN strategy_performance.period_start IS 'First moment of the period.';
COMMENT ON COLUMN strategy_performance.period_end IS 'First moment after the period.';
COMMENT ON COLUMN strategy_performance.period_type IS 'Kind of the period, such as backtest, paper, live or monthly.';
COMMENT ON COLUMN strategy_performance.total_return IS 'Net P&L, in the currency of the test''s balance.';
COMMENT ON COLUMN strategy_performance.total_return_pct IS
'Net P&L in percent of the balance at the period''s start (5 = 5 %).';
COMMENT ON COLUMN strategy_performance.sharpe_ratio IS 'Annualised Sharpe ratio, dimensionless.';
COMMENT ON COLUMN strategy_performance.sortino_ratio IS 'Annualised Sortino ratio, dimensionless.';
COMMENT ON COLUMN strategy_performance.calmar_ratio IS 'Annualised return / max_drawdown, dimensionless.';
COMMENT ON COLUMN strategy_performance.max_drawdown IS
'Largest (running peak - equity) / running peak, as a fraction; above 1 only with leverage.';
COMMENT ON COLUMN strategy_performance.volatility IS 'Annualised volatility of daily returns, as a fraction.';
COMMENT ON COLUMN strategy_performance.var_95 IS
'Value at risk: the return that 5 % of days fell below, as a fraction; normally negative.';
COMMENT ON COLUMN strategy_performance.win_rate IS 'Wins / trades, as a fraction; NULL without trades.';
COMMENT ON COLUMN strategy_performance.total_trades IS 'Number of trades, those with pnl = 0 included.';
COMMENT ON COLUMN strategy_performance.winning_trades IS 'Number of trades with pnl > 0.';
COMMENT ON COLUMN strategy_performance.losing_trades IS 'Number of trades with pnl < 0.';
COMMENT ON COLUMN strategy_performance.avg_trade_duration_hours IS 'Mean time from entry to exit, in hours.';
COMMENT ON COLUMN strategy_performance.signal_generator_contribution IS
'What the signal generator contributed to the return, as a fraction of it.';
COMMENT ON COLUMN strategy_performance.risk_manager_contribution IS
'What the risk manager contributed to the return, as a fraction of it.';
COMMENT ON COLUMN strategy_performance.position_sizer_contribution IS
'What the position sizer contributed to the return, as a fraction of it.';
COMMENT ON COLUMN strategy_performance.regime_performance IS 'Figures by market regime.';
COMMENT ON COLUMN strategy_performance.additional_metrics IS 'Further figures.';
COMMENT ON COLUMN strategy_performance.test_symbol IS 'Instrument of the test; NULL over several.';
COMMENT ON COLUMN strategy_performance.test_timeframe IS 'Length of one candle in the test, such as 1h.';
COMMENT ON COLUMN strategy_performance.test_parameters IS 'Parameters of the test.';
COMMENT ON COLUMN strategy_performance.request_id IS
'Identifies the request that created the row, so that a retry creates nothing.';
COMMENT ON COLUMN strategy_performance.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';

CREATE TABLE strategy_lineage (
    ancestor_id label NOT NULL,
    descendant_id label NOT NULL,
    relationship_type strategy_relationship NOT NULL,
    generation_distance positive_integer NOT NULL DEFAULT 1,
    evolution_reason label,
    change_impact label,
    performance_improvement ratio,
    risk_change ratio,
    created_at instant NOT NULL,
    CONSTRAINT strategy_lineage_pkey PRIMARY KEY (ancestor_id, descendant_id),
    CONSTRAINT strategy_lineage_ancestor_id_fkey FOREIGN KEY (ancestor_id) REFERENCES strategy_registry (strategy_id),
    CONSTRAINT strategy_lineage_descendant_id_fkey FOREIGN KEY (descendant_id)
    REFERENCES strategy_registry (strategy_id),
    CONSTRAINT strategy_lineage_two_strategies CHECK (ancestor_id <> descendant_id)
);

-- Read by get_ancestors; get_descendants reads the primary key.
CREATE INDEX strategy_lineage_descendant_id_idx ON strategy_lineage (descendant_id);

COMMENT ON TABLE strategy_lineage IS
'Which strategy came directly from which; who came from whom over generations is followed along the rows.';
COMMENT ON COLUMN strategy_lineage.ancestor_id IS 'Strategy that the other came from.';
COMMENT ON COLUMN strategy_lineage.descendant_id IS 'Strategy that came from it.';
COMMENT ON COLUMN strategy_lineage.relationship_type IS 'How the one came from the other.';
COMMENT ON COLUMN strategy_lineage.generation_distance IS
'Generations from the one to the other: 1, or more where those between were never registered.';
COMMENT ON COLUMN strategy_lineage.evolution_reason IS 'Why it was made.';
COMMENT ON COLUMN strategy_lineage.change_impact IS 'How much it changed, in words.';
COMMENT ON COLUMN strategy_lineage.performance_improvement IS
'How much better it performed, as a fraction of the ancestor''s return; negative for worse.';
COMMENT ON COLUMN strategy_lineage.risk_change IS
'How much its risk changed, as a fraction of the ancestor''s; positive for more risk.';
COMMENT ON COLUMN strategy_lineage.created_at IS 'When the relationship was recorded.';

CREATE FUNCTION existing_strategy(wanted text) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    found bigint;
BEGIN
    SELECT id INTO found FROM strategy_registry WHERE strategy_id = wanted;
    IF found IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AT404', COLUMN = 'strategy_id',
            MESSAGE = format('strategy %s does not exist', wanted);
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION existing_strategy IS 'The id of the strategy with this strategy_id; raises AT404 without one.';

CREATE FUNCTION refuse_lineage_cycle() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM permitted();
    -- One at a time, or two halves of a circle could be recorded at once; a lock that only a writer's role can take.
    LOCK TABLE strategy_lineage IN SHARE UPDATE EXCLUSIVE MODE;
    IF EXISTS (
        WITH RECURSIVE above (strategy_id) AS (
            SELECT new.ancestor_id::text
             UNION
            SELECT l.ancestor_id
              FROM above AS a
              JOIN strategy_lineage AS l ON l.descendant_id = a.strategy_id
        )
        SELECT FROM above WHERE strategy_id = new.descendant_id
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'descendant_id',
            MESSAGE = format('strategy %s is an ancestor of %s already', new.descendant_id, new.ancestor_id);
    END IF;
    RETURN new;
END
$$;
COMMENT ON FUNCTION refuse_lineage_cycle IS
'Trigger of strategy_lineage: nothing comes from its own descendant; AT409 otherwise.';

CREATE TRIGGER strategy_lineage_acyclic BEFORE INSERT OR UPDATE OF ancestor_id, descendant_id ON strategy_lineage
FOR EACH ROW
WHEN (new.ancestor_id <> new.descendant_id)
EXECUTE FUNCTION refuse_lineage_cycle();
COMMENT ON TRIGGER strategy_lineage_acyclic ON strategy_lineage IS 'Lineage has no circles.';
