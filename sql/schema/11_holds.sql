-- Holds: which engine works on a session.

CREATE TABLE session_holds (
    session_id bigint NOT NULL,
    holder label NOT NULL,
    token uuid NOT NULL,
    claim session_claim NOT NULL,
    asked_at instant NOT NULL,
    acquired_at instant NOT NULL,
    renewed_at instant NOT NULL,
    expires_at instant NOT NULL,
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT session_holds_pkey PRIMARY KEY (session_id),
    CONSTRAINT session_holds_token_key UNIQUE (token),
    CONSTRAINT session_holds_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id),
    CONSTRAINT session_holds_expires_later CHECK (expires_at >= renewed_at)
) WITH (fillfactor = 50);

COMMENT ON TABLE session_holds IS
'Which engine works on a session, or was the last to: at most one at a time. A hold is a lease by the server''s clock, '
'renewed by its engine; it needs no connection of its own, and a dead engine''s hold is free once it has expired.';
COMMENT ON COLUMN session_holds.session_id IS 'Session that is held.';
COMMENT ON COLUMN session_holds.holder IS 'Name of the engine.';
COMMENT ON COLUMN session_holds.token IS 'Proves the hold: the request_id of the claim.';
COMMENT ON COLUMN session_holds.claim IS 'How the engine came by the session.';
COMMENT ON COLUMN session_holds.asked_at IS
'When the engine last claimed or renewed, by its clock: only to know the same renewal again, the lease does not go '
'by it.';
COMMENT ON COLUMN session_holds.acquired_at IS 'When the session was claimed, by the server''s clock.';
COMMENT ON COLUMN session_holds.renewed_at IS 'When the hold was last renewed, by the server''s clock.';
COMMENT ON COLUMN session_holds.expires_at IS
'From when on another engine may claim the session, by the server''s clock; a release brings it forward.';
COMMENT ON COLUMN session_holds.request_hash IS
'Hash of the claim''s content; the same request_id with another hash is refused.';

CREATE FUNCTION kept_hold(session bigint, own_token uuid) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    hold session_holds;
BEGIN
    SELECT * INTO hold FROM session_holds WHERE session_id = session;
    IF hold.session_id IS NULL THEN
        PERFORM existing_session(session);
        RAISE EXCEPTION USING ERRCODE = 'AT423', COLUMN = 'token',
            MESSAGE = format('session %s is held by nobody; claim it again', session);
    END IF;
    IF hold.token <> own_token THEN
        RAISE EXCEPTION USING ERRCODE = 'AT423', COLUMN = 'session_id',
            MESSAGE = format(
                'session %s is held by %s since %s, until %s; this token is of another claim',
                session, hold.holder, hold.acquired_at, hold.expires_at
            );
    END IF;
    RETURN hold.expires_at;
END
$$;
COMMENT ON FUNCTION kept_hold IS
'Until when the token''s hold on a session lasts; raises AT423, which names the engine that holds it instead, or AT404 '
'when there is no such session. VOLATILE, so that a statement which waited for a claim sees it.';

CREATE FUNCTION refuse_held(session bigint, own_token uuid) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    hold session_holds;
BEGIN
    SELECT * INTO hold FROM session_holds WHERE session_id = session AND expires_at > clock_timestamp();
    IF hold.token <> own_token THEN
        RAISE EXCEPTION USING ERRCODE = 'AT423', COLUMN = 'session_id',
            MESSAGE = format(
                'session %s is held by %s since %s, until %s; take_over=True claims it at once', session, hold.holder,
                hold.acquired_at, hold.expires_at
            );
    END IF;
END
$$;
COMMENT ON FUNCTION refuse_held IS
'Raises AT423, which names the engine, while another engine''s hold on the session lasts, by the server''s clock.';
