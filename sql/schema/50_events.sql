-- Events: what happened to the system.

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
