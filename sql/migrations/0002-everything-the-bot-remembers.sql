-- Everything the bot remembers besides its books: risk, optimisation, predictions, strategies, portfolio, control.

-- Enums and domains of what surrounds the books: risk, predictions, strategies, portfolio, control.

CREATE TYPE strategy_status AS ENUM ('EXPERIMENTAL', 'TESTING', 'PRODUCTION', 'RETIRED', 'DEPRECATED');
COMMENT ON TYPE strategy_status IS
'Where a strategy stands in its life: EXPERIMENTAL = being developed, TESTING = on trial, PRODUCTION = trades, '
'RETIRED = no longer used, DEPRECATED = must no longer be used.';

CREATE TYPE strategy_relationship AS ENUM ('EVOLUTION', 'BRANCH', 'MERGE');
COMMENT ON TYPE strategy_relationship IS
'How a strategy came from another: EVOLUTION = as its successor, BRANCH = as a variant beside it, MERGE = with parts '
'of it.';

CREATE DOMAIN counter AS integer
CONSTRAINT counter_nonnegative CHECK (VALUE >= 0);
COMMENT ON DOMAIN counter IS 'A number of things, zero or more.';

CREATE DOMAIN positive_integer AS integer
CONSTRAINT positive_integer_positive CHECK (VALUE > 0);
COMMENT ON DOMAIN positive_integer IS 'A whole number above zero.';

CREATE DOMAIN direction AS smallint
CONSTRAINT direction_sign CHECK (VALUE IN (-1, 0, 1));
COMMENT ON DOMAIN direction IS 'Expected move of a price: -1 = down, 0 = none, 1 = up.';

CREATE DOMAIN correlation AS numeric
CONSTRAINT correlation_range CHECK (VALUE >= -1 AND VALUE <= 1);
COMMENT ON DOMAIN correlation IS 'A coefficient of correlation from -1 to 1.';

CREATE DOMAIN ttl_seconds AS numeric
CONSTRAINT ttl_seconds_range CHECK (VALUE > 0 AND VALUE <= 315360000);
COMMENT ON DOMAIN ttl_seconds IS 'A time to live in seconds: above zero, at most ten years.';

CREATE DOMAIN time_zone AS text
CONSTRAINT time_zone_form CHECK (VALUE ~ '^(UTC|[A-Za-z]+(/[A-Za-z0-9_+-]+)+)$')
CONSTRAINT time_zone_known CHECK (isfinite(timezone(VALUE, 'epoch'::timestamptz)));
COMMENT ON DOMAIN time_zone IS 'Name of an IANA time zone that the server knows: UTC, or such as America/New_York.';

CREATE DOMAIN time_of_day AS text
CONSTRAINT time_of_day_form CHECK (VALUE ~ '^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$');
COMMENT ON DOMAIN time_of_day IS 'A time on the wall clock as HH:MM or HH:MM:SS, from 00:00 to 23:59:59.';

CREATE DOMAIN weekdays AS jsonb
CONSTRAINT weekdays_form CHECK (
    CASE
        WHEN jsonb_typeof(VALUE) <> 'array' THEN FALSE
        ELSE jsonb_array_length(VALUE) BETWEEN 1 AND 7 AND VALUE <@ '[1, 2, 3, 4, 5, 6, 7]'
    END
);
COMMENT ON DOMAIN weekdays IS 'A JSON array of ISO days of the week: 1 = Monday to 7 = Sunday; at least one.';

-- Adaptive risk and optimisation: how the engine judged its own performance, and what it changed because of it.

CREATE TABLE dynamic_performance_metrics (
    id bigint GENERATED ALWAYS AS IDENTITY,
    session_id bigint NOT NULL,
    timestamp instant NOT NULL,
    rolling_win_rate fraction,
    rolling_sharpe_ratio ratio,
    current_drawdown nonnegative NOT NULL,
    volatility_30d nonnegative,
    consecutive_losses counter NOT NULL,
    consecutive_wins counter NOT NULL,
    risk_adjustment_factor nonnegative NOT NULL,
    profit_factor nonnegative,
    expectancy amount,
    avg_trade_duration_hours nonnegative,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT dynamic_performance_metrics_pkey PRIMARY KEY (id),
    CONSTRAINT dynamic_performance_metrics_request_id_key UNIQUE (request_id),
    CONSTRAINT dynamic_performance_metrics_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id)
);

-- Read by get_latest_dynamic_performance.
CREATE INDEX dynamic_performance_metrics_session_id_timestamp_idx
ON dynamic_performance_metrics (session_id, timestamp, id);

COMMENT ON TABLE dynamic_performance_metrics IS
'How the engine judged its recent performance when it adapted its risk, over windows of its own choice.';
COMMENT ON COLUMN dynamic_performance_metrics.id IS 'Identifier.';
COMMENT ON COLUMN dynamic_performance_metrics.session_id IS 'Session that was judged.';
COMMENT ON COLUMN dynamic_performance_metrics.timestamp IS 'When it was judged.';
COMMENT ON COLUMN dynamic_performance_metrics.rolling_win_rate IS
'Wins / trades in the rolling window, as a fraction; NULL without trades.';
COMMENT ON COLUMN dynamic_performance_metrics.rolling_sharpe_ratio IS
'Sharpe ratio over the rolling window, dimensionless; NULL with too few returns.';
COMMENT ON COLUMN dynamic_performance_metrics.current_drawdown IS
'(Running peak - equity) / running peak at that time, as a fraction; above 1 only with leverage.';
COMMENT ON COLUMN dynamic_performance_metrics.volatility_30d IS 'Volatility of the last 30 days, as a fraction.';
COMMENT ON COLUMN dynamic_performance_metrics.consecutive_losses IS 'Losses in a row up to that time.';
COMMENT ON COLUMN dynamic_performance_metrics.consecutive_wins IS 'Wins in a row up to that time.';
COMMENT ON COLUMN dynamic_performance_metrics.risk_adjustment_factor IS
'What risk parameters were to be multiplied by: 1 = unchanged, below 1 = less risk.';
COMMENT ON COLUMN dynamic_performance_metrics.profit_factor IS
'Sum of wins / sum of losses in the rolling window; NULL without losses.';
COMMENT ON COLUMN dynamic_performance_metrics.expectancy IS
'Mean pnl of a trade in the rolling window, in the session''s base currency.';
COMMENT ON COLUMN dynamic_performance_metrics.avg_trade_duration_hours IS
'Mean time from entry to exit in the rolling window, in hours.';
COMMENT ON COLUMN dynamic_performance_metrics.request_id IS
'Identifies the request that created the row, so that a retry creates nothing.';
COMMENT ON COLUMN dynamic_performance_metrics.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';

CREATE TABLE risk_adjustments (
    id bigint GENERATED ALWAYS AS IDENTITY,
    session_id bigint NOT NULL,
    timestamp instant NOT NULL,
    adjustment_type label NOT NULL,
    trigger_reason label NOT NULL,
    parameter_name label NOT NULL,
    original_value ratio NOT NULL,
    adjusted_value ratio NOT NULL,
    adjustment_factor nonnegative NOT NULL,
    current_drawdown nonnegative,
    performance_score ratio,
    volatility_level nonnegative,
    duration_minutes counter,
    trades_during_adjustment counter,
    pnl_during_adjustment amount,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT risk_adjustments_pkey PRIMARY KEY (id),
    CONSTRAINT risk_adjustments_request_id_key UNIQUE (request_id),
    CONSTRAINT risk_adjustments_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id)
);

-- Read by get_risk_factor.
CREATE INDEX risk_adjustments_session_id_timestamp_idx ON risk_adjustments (session_id, timestamp, id);

COMMENT ON TABLE risk_adjustments IS 'Every change of a risk parameter by adaptive risk management, with its reason.';
COMMENT ON COLUMN risk_adjustments.id IS 'Identifier.';
COMMENT ON COLUMN risk_adjustments.session_id IS 'Session whose risk was changed.';
COMMENT ON COLUMN risk_adjustments.timestamp IS 'When it was changed.';
COMMENT ON COLUMN risk_adjustments.adjustment_type IS
'Kind of the change, such as drawdown, performance or volatility.';
COMMENT ON COLUMN risk_adjustments.trigger_reason IS 'Why it was changed.';
COMMENT ON COLUMN risk_adjustments.parameter_name IS 'Parameter that was changed, such as position_size.';
COMMENT ON COLUMN risk_adjustments.original_value IS 'Its value before, in the parameter''s own unit.';
COMMENT ON COLUMN risk_adjustments.adjusted_value IS 'Its value after, in the parameter''s own unit.';
COMMENT ON COLUMN risk_adjustments.adjustment_factor IS
'What the parameter was multiplied by: 1 = unchanged, below 1 = less risk.';
COMMENT ON COLUMN risk_adjustments.current_drawdown IS
'(Running peak - equity) / running peak at that time, as a fraction; above 1 only with leverage.';
COMMENT ON COLUMN risk_adjustments.performance_score IS 'Score of recent performance in the engine''s own scale.';
COMMENT ON COLUMN risk_adjustments.volatility_level IS 'Volatility at that time, as a fraction.';
COMMENT ON COLUMN risk_adjustments.duration_minutes IS
'How long the adjustment held, in minutes, where it is logged afterwards; else NULL.';
COMMENT ON COLUMN risk_adjustments.trades_during_adjustment IS
'Number of trades while it held, where it is logged afterwards; else NULL.';
COMMENT ON COLUMN risk_adjustments.pnl_during_adjustment IS
'P&L while it held, in the session''s base currency, where it is logged afterwards; else NULL.';
COMMENT ON COLUMN risk_adjustments.request_id IS
'Identifies the request that created the row, so that a retry creates nothing.';
COMMENT ON COLUMN risk_adjustments.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';

CREATE TABLE optimization_cycles (
    id bigint GENERATED ALWAYS AS IDENTITY,
    session_id bigint,
    timestamp instant NOT NULL,
    strategy_name label NOT NULL,
    symbol symbol NOT NULL,
    timeframe label NOT NULL,
    baseline_metrics document NOT NULL,
    candidate_params document,
    candidate_metrics document,
    validator_report document,
    decision label NOT NULL,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT optimization_cycles_pkey PRIMARY KEY (id),
    CONSTRAINT optimization_cycles_request_id_key UNIQUE (request_id),
    CONSTRAINT optimization_cycles_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id)
);

-- Read by fetch_optimization_cycles, page by page.
CREATE INDEX optimization_cycles_timestamp_idx ON optimization_cycles (timestamp, id);
-- Read when a session is deleted.
CREATE INDEX optimization_cycles_session_id_idx ON optimization_cycles (session_id) WHERE session_id IS NOT NULL;

COMMENT ON TABLE optimization_cycles IS
'Every run of the optimiser: what it started from, what it proposed, and what was decided.';
COMMENT ON COLUMN optimization_cycles.id IS 'Identifier.';
COMMENT ON COLUMN optimization_cycles.session_id IS 'Session in which it ran; NULL outside of any.';
COMMENT ON COLUMN optimization_cycles.timestamp IS 'When the cycle ended.';
COMMENT ON COLUMN optimization_cycles.strategy_name IS 'Strategy that was optimised.';
COMMENT ON COLUMN optimization_cycles.symbol IS 'Instrument.';
COMMENT ON COLUMN optimization_cycles.timeframe IS 'Length of one candle, such as 1h.';
COMMENT ON COLUMN optimization_cycles.baseline_metrics IS 'Figures of the present parameters.';
COMMENT ON COLUMN optimization_cycles.candidate_params IS 'Proposed parameters; NULL when there was no proposal.';
COMMENT ON COLUMN optimization_cycles.candidate_metrics IS 'Figures of the proposed parameters.';
COMMENT ON COLUMN optimization_cycles.validator_report IS 'What the validator found.';
COMMENT ON COLUMN optimization_cycles.decision IS 'What was decided, such as apply, reject or rollback.';
COMMENT ON COLUMN optimization_cycles.request_id IS
'Identifies the request that created the row, so that a retry creates nothing.';
COMMENT ON COLUMN optimization_cycles.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';

-- Predictions: a cache of what models said, and how good it was.

CREATE TABLE prediction_cache (
    cache_key label NOT NULL,
    model_name label NOT NULL,
    features_hash label NOT NULL,
    config_hash label NOT NULL,
    predicted_price price NOT NULL,
    confidence fraction NOT NULL,
    direction direction NOT NULL,
    predicted_at instant NOT NULL,
    created_at instant NOT NULL,
    expires_at instant NOT NULL,
    access_count counter NOT NULL,
    last_accessed instant NOT NULL,
    CONSTRAINT prediction_cache_pkey PRIMARY KEY (cache_key),
    CONSTRAINT prediction_cache_expires_later CHECK (expires_at > created_at)
);

-- Read by set_prediction, to find the least recently used entries.
CREATE INDEX prediction_cache_last_accessed_idx ON prediction_cache (last_accessed);

COMMENT ON TABLE prediction_cache IS
'What models predicted for features that may come again. Times to live are counted by the server''s clock; of the '
'entries beyond the bound that set_prediction is given, those least recently used are removed.';
COMMENT ON COLUMN prediction_cache.cache_key IS
'Hash of model, features and configuration: atb_db.cachekey makes it.';
COMMENT ON COLUMN prediction_cache.model_name IS 'Model that predicted.';
COMMENT ON COLUMN prediction_cache.features_hash IS 'Hash of the features'' dtype, shape and bytes.';
COMMENT ON COLUMN prediction_cache.config_hash IS 'Hash of the model''s configuration as canonical JSON.';
COMMENT ON COLUMN prediction_cache.predicted_price IS 'Predicted price, in quote currency.';
COMMENT ON COLUMN prediction_cache.confidence IS 'Confidence from 0 to 1.';
COMMENT ON COLUMN prediction_cache.direction IS 'Predicted move: -1 = down, 0 = none, 1 = up.';
COMMENT ON COLUMN prediction_cache.predicted_at IS
'When it was predicted, by the client''s clock; the same moment again is the same prediction again.';
COMMENT ON COLUMN prediction_cache.created_at IS 'When the prediction was stored, by the server''s clock.';
COMMENT ON COLUMN prediction_cache.expires_at IS
'From when on the entry is no longer answered, by the server''s clock.';
COMMENT ON COLUMN prediction_cache.access_count IS
'Hits since the prediction was stored: the first one, then at most one a minute, so that a hit normally writes '
'nothing. A lower bound, exact where hits are a minute or more apart; 0 means none at all.';
COMMENT ON COLUMN prediction_cache.last_accessed IS
'Newest counted hit, or when the prediction was stored: at most one minute before the newest hit.';

CREATE SEQUENCE prediction_cache_insertions CYCLE OWNED BY prediction_cache.cache_key;
COMMENT ON SEQUENCE prediction_cache_insertions IS
'Counts new entries of prediction_cache, so that only every n-th looks for entries to remove.';

CREATE TABLE prediction_performance (
    id bigint GENERATED ALWAYS AS IDENTITY,
    timestamp instant NOT NULL,
    model_name label NOT NULL,
    horizon positive_integer NOT NULL,
    mae nonnegative,
    rmse nonnegative,
    mape nonnegative,
    ic correlation,
    mean_pred ratio,
    std_pred nonnegative,
    mean_real ratio,
    std_real nonnegative,
    strategy_name label,
    symbol symbol,
    timeframe label,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT prediction_performance_pkey PRIMARY KEY (id),
    CONSTRAINT prediction_performance_request_id_key UNIQUE (request_id)
);

-- Read by get_prediction_performance.
CREATE INDEX prediction_performance_model_name_timestamp_idx ON prediction_performance (model_name, timestamp, id);

COMMENT ON TABLE prediction_performance IS 'How a model''s predictions compared with what happened.';
COMMENT ON COLUMN prediction_performance.id IS 'Identifier.';
COMMENT ON COLUMN prediction_performance.timestamp IS 'When it was measured.';
COMMENT ON COLUMN prediction_performance.model_name IS 'Model that predicted.';
COMMENT ON COLUMN prediction_performance.horizon IS 'How far ahead it predicted, in candles.';
COMMENT ON COLUMN prediction_performance.mae IS 'Mean absolute error, in the unit of the predicted value.';
COMMENT ON COLUMN prediction_performance.rmse IS 'Root of the mean squared error, in the unit of the predicted value.';
COMMENT ON COLUMN prediction_performance.mape IS 'Mean absolute error as a fraction of the real value (0.05 = 5 %).';
COMMENT ON COLUMN prediction_performance.ic IS
'Information coefficient: correlation of predicted and real values, from -1 to 1.';
COMMENT ON COLUMN prediction_performance.mean_pred IS 'Mean of the predicted values, in their unit.';
COMMENT ON COLUMN prediction_performance.std_pred IS 'Standard deviation of the predicted values, in their unit.';
COMMENT ON COLUMN prediction_performance.mean_real IS 'Mean of the real values, in their unit.';
COMMENT ON COLUMN prediction_performance.std_real IS 'Standard deviation of the real values, in their unit.';
COMMENT ON COLUMN prediction_performance.strategy_name IS 'Strategy that used the predictions, if any.';
COMMENT ON COLUMN prediction_performance.symbol IS 'Instrument; NULL over several.';
COMMENT ON COLUMN prediction_performance.timeframe IS 'Length of one candle, such as 1h; NULL over several.';
COMMENT ON COLUMN prediction_performance.request_id IS
'Identifies the request that created the row, so that a retry creates nothing.';
COMMENT ON COLUMN prediction_performance.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';

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
COMMENT ON COLUMN strategy_registry.config_hash IS 'Hash of the configuration, made by whoever registered it.';
COMMENT ON COLUMN strategy_registry.component_hash IS 'Hash of the components'' code, made by whoever registered it.';
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
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    -- One at a time, or two halves of a circle could be recorded at once.
    PERFORM pg_advisory_xact_lock('strategy_lineage'::regclass::oid::integer, 0);
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

-- The portfolio and its markets: correlations, exposures, trading hours.

CREATE TABLE correlation_matrix (
    window_days positive_integer NOT NULL,
    first_symbol symbol COLLATE "C" NOT NULL,
    second_symbol symbol COLLATE "C" NOT NULL,
    symbol_pair text NOT NULL GENERATED ALWAYS AS (first_symbol || '-' || second_symbol) STORED,
    correlation_value correlation NOT NULL,
    p_value fraction,
    sample_size counter,
    last_updated instant NOT NULL,
    CONSTRAINT correlation_matrix_pkey PRIMARY KEY (window_days, first_symbol, second_symbol),
    CONSTRAINT correlation_matrix_sorted_pair CHECK (first_symbol < second_symbol)
);

COMMENT ON TABLE correlation_matrix IS 'The newest correlation of two symbols'' returns, one row per pair and window.';
COMMENT ON COLUMN correlation_matrix.window_days IS 'Length of the window that was looked at, in days.';
COMMENT ON COLUMN correlation_matrix.first_symbol IS 'Symbol of the pair that sorts first by its bytes.';
COMMENT ON COLUMN correlation_matrix.second_symbol IS 'The other symbol.';
COMMENT ON COLUMN correlation_matrix.symbol_pair IS 'Both, such as BTCUSDT-ETHUSDT.';
COMMENT ON COLUMN correlation_matrix.correlation_value IS 'Coefficient of correlation, from -1 to 1.';
COMMENT ON COLUMN correlation_matrix.p_value IS 'Probability of so much correlation by chance, from 0 to 1.';
COMMENT ON COLUMN correlation_matrix.sample_size IS 'Number of returns that were compared.';
COMMENT ON COLUMN correlation_matrix.last_updated IS 'When it was computed.';

CREATE TABLE portfolio_exposures (
    mode trade_source NOT NULL,
    correlation_group label NOT NULL,
    total_exposure nonnegative NOT NULL,
    position_count counter NOT NULL,
    symbols document NOT NULL,
    last_updated instant NOT NULL,
    CONSTRAINT portfolio_exposures_pkey PRIMARY KEY (mode, correlation_group),
    CONSTRAINT portfolio_exposures_symbols_array CHECK (jsonb_typeof(symbols) = 'array')
);

COMMENT ON TABLE portfolio_exposures IS
'How much is at stake in each group of correlated symbols, over all sessions of a mode.';
COMMENT ON COLUMN portfolio_exposures.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN portfolio_exposures.correlation_group IS 'Name of the group.';
COMMENT ON COLUMN portfolio_exposures.total_exposure IS
'Sum of the positions'' sizes, as a fraction of the balance; above 1 only with leverage.';
COMMENT ON COLUMN portfolio_exposures.position_count IS 'Number of positions.';
COMMENT ON COLUMN portfolio_exposures.symbols IS 'Symbols in the group, a JSON array.';
COMMENT ON COLUMN portfolio_exposures.last_updated IS 'When it was computed.';

CREATE TABLE market_sessions (
    name label NOT NULL,
    timezone time_zone NOT NULL,
    open_time time,
    close_time time,
    days_of_week weekdays NOT NULL,
    is_24h boolean NOT NULL,
    CONSTRAINT market_sessions_pkey PRIMARY KEY (name),
    CONSTRAINT market_sessions_hours CHECK (num_nonnulls(open_time, close_time) = CASE WHEN is_24h THEN 0 ELSE 2 END)
);

COMMENT ON TABLE market_sessions IS 'When markets are open, by the clock on their own wall.';
COMMENT ON COLUMN market_sessions.name IS 'Name of the market.';
COMMENT ON COLUMN market_sessions.timezone IS 'IANA time zone of the other columns.';
COMMENT ON COLUMN market_sessions.open_time IS 'Local time from which on the market is open; NULL when is_24h.';
COMMENT ON COLUMN market_sessions.close_time IS
'Local time from which on it is closed: on the next day when it is not after open_time; NULL when is_24h.';
COMMENT ON COLUMN market_sessions.days_of_week IS 'Local days on which it opens: 1 = Monday to 7 = Sunday.';
COMMENT ON COLUMN market_sessions.is_24h IS 'Whether it is open from midnight to midnight on these days.';

CREATE FUNCTION existing_market(wanted text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM FROM market_sessions WHERE name = wanted;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'AT404', COLUMN = 'name', MESSAGE = format('market %s is not defined', wanted);
    END IF;
    RETURN wanted;
END
$$;
COMMENT ON FUNCTION existing_market IS 'The given market''s name; raises AT404 when there is no such market.';

-- Control: durable switches that stop the bot, and what reconciliation with the exchange has corrected.

CREATE TABLE system_control_flags (
    name label NOT NULL,
    active boolean NOT NULL,
    reason label NOT NULL,
    source label NOT NULL,
    updated_at instant NOT NULL,
    CONSTRAINT system_control_flags_pkey PRIMARY KEY (name)
);

COMMENT ON TABLE system_control_flags IS
'Switches that restrict the bot while they are active, such as a kill switch. A flag without a row was never set nor '
'cleared: asking for it is an error and not "off". Who changed what and when is in system_events.';
COMMENT ON COLUMN system_control_flags.name IS 'Name of the flag.';
COMMENT ON COLUMN system_control_flags.active IS 'Whether it restricts the bot now.';
COMMENT ON COLUMN system_control_flags.reason IS 'Why it was last set or cleared.';
COMMENT ON COLUMN system_control_flags.source IS 'Who or what last set or cleared it.';
COMMENT ON COLUMN system_control_flags.updated_at IS 'When it was last set or cleared.';

CREATE FUNCTION existing_flag(wanted text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM FROM system_control_flags WHERE name = wanted;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'AT404', COLUMN = 'name',
            MESSAGE = format('control flag %s was never set nor cleared', wanted);
    END IF;
    RETURN wanted;
END
$$;
COMMENT ON FUNCTION existing_flag IS 'The given control flag''s name; raises AT404 when it was never set nor cleared.';

CREATE FUNCTION refuse_clear(flag system_control_flags, cleared_at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'timestamp',
        MESSAGE = format(
            'control flag %s was set at %s by %s, after this request to clear it was made at %s',
            flag.name, flag.updated_at, flag.source, cleared_at
        );
END
$$;
COMMENT ON FUNCTION refuse_clear IS 'Raises AT409: the flag was set after the request to clear it. Never returns.';

CREATE TABLE reconciliation_audit_events (
    id bigint GENERATED ALWAYS AS IDENTITY,
    session_id bigint NOT NULL,
    timestamp instant NOT NULL,
    entity_type label NOT NULL,
    entity_id label NOT NULL,
    field label NOT NULL,
    old_value prose,
    new_value prose,
    reason label NOT NULL,
    severity severity NOT NULL,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT reconciliation_audit_events_pkey PRIMARY KEY (id),
    CONSTRAINT reconciliation_audit_events_request_id_key UNIQUE (request_id),
    CONSTRAINT reconciliation_audit_events_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id)
);

-- Read by get_reconciliation_events.
CREATE INDEX reconciliation_audit_events_session_id_timestamp_idx
ON reconciliation_audit_events (session_id, timestamp, id);

COMMENT ON TABLE reconciliation_audit_events IS
'What reconciliation with the exchange found different in the books, and what it was corrected to; append-only.';
COMMENT ON COLUMN reconciliation_audit_events.id IS 'Identifier.';
COMMENT ON COLUMN reconciliation_audit_events.session_id IS 'Session whose books were reconciled.';
COMMENT ON COLUMN reconciliation_audit_events.timestamp IS 'When the difference was found.';
COMMENT ON COLUMN reconciliation_audit_events.entity_type IS 'What differed, such as order, position or balance.';
COMMENT ON COLUMN reconciliation_audit_events.entity_id IS 'Which one, by our id or the exchange''s.';
COMMENT ON COLUMN reconciliation_audit_events.field IS 'Field that differed.';
COMMENT ON COLUMN reconciliation_audit_events.old_value IS 'What the books said, as text; NULL for nothing.';
COMMENT ON COLUMN reconciliation_audit_events.new_value IS 'What the exchange said, as text; NULL for nothing.';
COMMENT ON COLUMN reconciliation_audit_events.reason IS 'Why the one was replaced by the other.';
COMMENT ON COLUMN reconciliation_audit_events.severity IS 'How urgent it is that somebody looks at it.';
COMMENT ON COLUMN reconciliation_audit_events.request_id IS
'Identifies the request that created the row, so that a retry creates nothing.';
COMMENT ON COLUMN reconciliation_audit_events.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';

CREATE TRIGGER reconciliation_audit_events_append_only BEFORE UPDATE ON reconciliation_audit_events
FOR EACH ROW
WHEN (old.* IS DISTINCT FROM new.*)
EXECUTE FUNCTION refuse_change();
COMMENT ON TRIGGER reconciliation_audit_events_append_only ON reconciliation_audit_events IS
'The audit is append-only; a repeated request changes nothing, and may.';
