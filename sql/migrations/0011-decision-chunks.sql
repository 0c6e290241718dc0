-- Where old decisions are kept, many in a row; functions read them and move them there and back.

CREATE TYPE compacted_decision AS (
    id bigint,
    timestamp timestamptz,
    strategy_name text,
    symbol text,
    timeframe text,
    signal_type text,
    signal_strength numeric,
    confidence_score numeric,
    action_taken text,
    price numeric,
    position_size numeric,
    volume numeric,
    volatility numeric,
    indicators jsonb,
    sentiment_data jsonb,
    ml_predictions jsonb,
    reasons jsonb,
    request_hash bigint
);

CREATE TABLE decision_chunks (
    id bigint GENERATED ALWAYS AS IDENTITY,
    session_id bigint NOT NULL,
    first_time timestamptz NOT NULL,
    last_time timestamptz NOT NULL,
    decisions integer NOT NULL,
    strategies text[] NOT NULL,
    symbols text[] NOT NULL,
    actions text[] NOT NULL,
    request_ids uuid[] NOT NULL,
    packed compacted_decision[] NOT NULL,
    CONSTRAINT decision_chunks_pkey PRIMARY KEY (id),
    CONSTRAINT decision_chunks_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id),
    CONSTRAINT decision_chunks_complete CHECK (
        decisions > 0
        AND cardinality(packed) = decisions
        AND cardinality(request_ids) = decisions
        AND (packed[1]).timestamp = first_time
        AND (packed[decisions]).timestamp = last_time
    )
);

CREATE INDEX decision_chunks_session_id_last_time_idx ON decision_chunks (session_id, last_time);
