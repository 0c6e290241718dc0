-- Old decisions, a thousand in a row: a fifth of the disk, readable by the same statements, and back again.

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

COMMENT ON TYPE compacted_decision IS
'A decision as decision_chunks keeps it: the columns of strategy_executions but the session, the trade, which it has '
'not, and the request_id, with their plain types: a domain''s CHECK can be changed only while no array has it.';

COMMENT ON TABLE decision_chunks IS
'Decisions that `atb-db compact` moved out of strategy_executions: many of one session in a row, ordered by time and '
'id.';
COMMENT ON COLUMN decision_chunks.id IS 'Identifier.';
COMMENT ON COLUMN decision_chunks.session_id IS 'Session that decided.';
COMMENT ON COLUMN decision_chunks.first_time IS 'When the oldest of the decisions was made.';
COMMENT ON COLUMN decision_chunks.last_time IS 'When the newest of the decisions was made.';
COMMENT ON COLUMN decision_chunks.decisions IS 'Number of decisions.';
COMMENT ON COLUMN decision_chunks.strategies IS
'Each strategy that decided, once, so that who asks for others passes over the row.';
COMMENT ON COLUMN decision_chunks.symbols IS 'Each instrument, once.';
COMMENT ON COLUMN decision_chunks.actions IS 'Each action taken, once.';
COMMENT ON COLUMN decision_chunks.request_ids IS
'Identifies the request that created each decision, so that a retry creates nothing.';
COMMENT ON COLUMN decision_chunks.packed IS 'The decisions, the oldest first.';
