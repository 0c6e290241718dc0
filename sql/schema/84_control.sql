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
'cleared: it restricts nothing, and asking for its row is an error. Who changed what and when is in system_events.';
COMMENT ON COLUMN system_control_flags.name IS
'Name of the flag; one session''s own is called by the name, a colon and the session''s id, such as kill_switch:17.';
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

CREATE FUNCTION orders_held_off(flag text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM permitted();
    -- The other side of refuse_halted.
    LOCK TABLE deployment IN EXCLUSIVE MODE;
    RETURN TRUE;
END
$$;
COMMENT ON FUNCTION orders_held_off IS
'Waits for the orders that are being journaled unless a flag is active, and holds off further ones until the '
'transaction ends: those before it are on record when the flag is, and none comes after it. True.';

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
