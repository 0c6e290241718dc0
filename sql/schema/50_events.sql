-- What happened and why: system events, and the strategy's decisions.

CREATE TABLE system_events (
    id bigint GENERATED ALWAYS AS IDENTITY,
    session_id bigint,
    timestamp instant NOT NULL,
    event_type event_type NOT NULL,
    severity severity NOT NULL,
    message prose NOT NULL,
    details document,
    component label,
    error_code label,
    stack_trace prose,
    alert_sent boolean NOT NULL DEFAULT FALSE,
    alert_method label,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT system_events_pkey PRIMARY KEY (id),
    CONSTRAINT system_events_request_id_key UNIQUE (request_id),
    CONSTRAINT system_events_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id)
);

CREATE INDEX system_events_session_id_timestamp_idx ON system_events (session_id, timestamp, id);

COMMENT ON TABLE system_events IS 'What happened to the engine and its surroundings.';
COMMENT ON COLUMN system_events.id IS 'Identifier.';
COMMENT ON COLUMN system_events.session_id IS 'Session in which it happened; NULL outside of any.';
COMMENT ON COLUMN system_events.timestamp IS 'When it happened.';
COMMENT ON COLUMN system_events.event_type IS 'What is reported.';
COMMENT ON COLUMN system_events.severity IS 'How urgent it is.';
COMMENT ON COLUMN system_events.message IS 'One sentence for people.';
COMMENT ON COLUMN system_events.details IS 'Particulars for programs.';
COMMENT ON COLUMN system_events.component IS 'Part of the system that reports.';
COMMENT ON COLUMN system_events.error_code IS 'Code of the error, if it is one.';
COMMENT ON COLUMN system_events.stack_trace IS 'Stack trace of the error, if it is one.';
COMMENT ON COLUMN system_events.alert_sent IS 'Whether somebody was alerted.';
COMMENT ON COLUMN system_events.alert_method IS 'How they were alerted.';
COMMENT ON COLUMN system_events.request_id IS
'Identifies the request that created the row, so that a retry creates nothing.';
COMMENT ON COLUMN system_events.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';

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
