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
