-- Decisions of strategies, and why.

CREATE TABLE strategy_executions (
    id bigint GENERATED ALWAYS AS IDENTITY,
    session_id bigint NOT NULL,
    trade_id bigint,
    timestamp instant NOT NULL,
    strategy_name label NOT NULL,
    symbol symbol NOT NULL,
    timeframe label,
    signal_type label NOT NULL,
    signal_strength ratio,
    confidence_score fraction,
    action_taken label NOT NULL,
    price price NOT NULL,
    position_size nonnegative,
    volume nonnegative,
    volatility nonnegative,
    indicators document,
    sentiment_data document,
    ml_predictions document,
    reasons document,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT strategy_executions_pkey PRIMARY KEY (id),
    CONSTRAINT strategy_executions_request_id_key UNIQUE (request_id),
    CONSTRAINT strategy_executions_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id),
    CONSTRAINT strategy_executions_trade_id_fkey FOREIGN KEY (trade_id) REFERENCES trades (id)
);

CREATE INDEX strategy_executions_session_id_timestamp_idx ON strategy_executions (session_id, timestamp);
CREATE INDEX strategy_executions_trade_id_idx ON strategy_executions (trade_id) WHERE trade_id IS NOT NULL;

COMMENT ON TABLE strategy_executions IS 'Every decision of a strategy, also the decision to do nothing.';
COMMENT ON COLUMN strategy_executions.id IS 'Identifier.';
COMMENT ON COLUMN strategy_executions.session_id IS 'Session that decided.';
COMMENT ON COLUMN strategy_executions.trade_id IS 'Completed trade that the decision led to, if any.';
COMMENT ON COLUMN strategy_executions.timestamp IS 'When the decision was made.';
COMMENT ON COLUMN strategy_executions.strategy_name IS 'Strategy that decided.';
COMMENT ON COLUMN strategy_executions.symbol IS 'Instrument.';
COMMENT ON COLUMN strategy_executions.timeframe IS 'Length of one candle, such as 1h.';
COMMENT ON COLUMN strategy_executions.signal_type IS 'What the strategy saw, such as entry, exit or hold.';
COMMENT ON COLUMN strategy_executions.signal_strength IS
'Strength of the signal in the strategy''s own scale, dimensionless.';
COMMENT ON COLUMN strategy_executions.confidence_score IS 'Confidence from 0 to 1.';
COMMENT ON COLUMN strategy_executions.action_taken IS 'What was done about it, such as opened_long or no_action.';
COMMENT ON COLUMN strategy_executions.price IS 'Market price at the decision, in quote currency.';
COMMENT ON COLUMN strategy_executions.position_size IS 'Size decided on, as a fraction of the balance.';
COMMENT ON COLUMN strategy_executions.volume IS 'Traded volume of the candle, in units of the base asset.';
COMMENT ON COLUMN strategy_executions.volatility IS
'Volatility of the price as a fraction, over the strategy''s own window.';
COMMENT ON COLUMN strategy_executions.indicators IS 'Values of the indicators.';
COMMENT ON COLUMN strategy_executions.sentiment_data IS 'Sentiment that was taken into account.';
COMMENT ON COLUMN strategy_executions.ml_predictions IS 'Predictions that were taken into account.';
COMMENT ON COLUMN strategy_executions.reasons IS 'The decision''s reasons.';
COMMENT ON COLUMN strategy_executions.request_id IS
'Identifies the request that created the row, so that a retry creates nothing.';
COMMENT ON COLUMN strategy_executions.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';
