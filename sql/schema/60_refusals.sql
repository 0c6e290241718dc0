-- Functions that look a thing up or refuse by raising. The VOLATILE ones take a new snapshot, so that a statement
-- which waited for a lock sees what was committed meanwhile. SQLSTATE AT404 = not found, AT409 = conflict, AT410 =
-- session is closed, AT412 = the request_id was used with other content, AT422 = the input contradicts what is
-- stored, AT423 = another engine holds the session, AT451 = a control flag forbids it.

-- Commands that write the books run as the owner of the tables (SECURITY DEFINER), so that nobody needs the right to
-- change those by hand. Everybody may call a function unless that is revoked, and a restored dump may have lost that:
-- so they ask for themselves.
CREATE FUNCTION permitted() RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    caller name := coalesce(nullif(current_setting('role'), 'none'), session_user);
BEGIN
    IF NOT has_table_privilege(caller, 'public.trades'::regclass, 'INSERT') THEN
        RAISE EXCEPTION USING ERRCODE = '42501',
            MESSAGE = format('permission denied: %s may not record, as it may not INSERT into trades', caller);
    END IF;
    RETURN TRUE;
END
$$;
COMMENT ON FUNCTION permitted IS
'True; raises 42501 (insufficient_privilege) unless the caller''s role, not the owner that it runs as, may '
'INSERT into trades.';

CREATE FUNCTION existing_session(wanted bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM FROM public.trading_sessions WHERE id = wanted;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'AT404', COLUMN = 'session_id', MESSAGE = format('session %s does not exist', wanted);
    END IF;
    RETURN wanted;
END
$$;
COMMENT ON FUNCTION existing_session IS 'The given session''s id; raises AT404 when there is no such session.';

CREATE FUNCTION existing_position(wanted bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM FROM positions WHERE id = wanted;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'AT404', COLUMN = 'position_id', MESSAGE = format('position %s does not exist', wanted);
    END IF;
    RETURN wanted;
END
$$;
COMMENT ON FUNCTION existing_position IS 'The given position''s id; raises AT404 when there is no such position.';

CREATE FUNCTION existing_order(wanted bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM FROM orders WHERE id = wanted;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'AT404', COLUMN = 'order_id', MESSAGE = format('order %s does not exist', wanted);
    END IF;
    RETURN wanted;
END
$$;
COMMENT ON FUNCTION existing_order IS 'The given order''s id; raises AT404 when there is no such order.';

CREATE FUNCTION active_session(wanted bigint) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    ended_at timestamptz;
BEGIN
    SELECT end_time INTO ended_at FROM trading_sessions WHERE id = wanted;
    IF NOT FOUND THEN
        PERFORM existing_session(wanted);
    END IF;
    IF ended_at IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AT410', COLUMN = 'session_id',
            MESSAGE = format('session %s is closed since %s', wanted, ended_at);
    END IF;
    RETURN wanted;
END
$$;
COMMENT ON FUNCTION active_session IS
'The given session''s id; raises AT404 when there is no such session and AT410 when it has ended.';

CREATE FUNCTION entered_position(wanted bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    state position_status;
BEGIN
    SELECT status INTO state FROM positions WHERE id = wanted;
    IF NOT FOUND THEN
        PERFORM existing_position(wanted);
    ELSIF state = 'PLANNED' THEN
        RAISE EXCEPTION USING ERRCODE = 'AT404', COLUMN = 'position_id',
            MESSAGE = format('position %s is planned: nothing of its entry order is filled', wanted);
    END IF;
    RETURN wanted;
END
$$;
COMMENT ON FUNCTION entered_position IS
'The given position''s id; raises AT404 when there is no such position, or nothing of it is filled.';

CREATE FUNCTION refuse_position(wanted bigint) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    found positions;
BEGIN
    SELECT * INTO found FROM positions WHERE id = wanted;
    IF found.id IS NULL THEN
        PERFORM existing_position(wanted);
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'position_id',
        MESSAGE = CASE found.status
            WHEN 'PLANNED' THEN format('position %s is planned: nothing of its entry order is filled', wanted)
            ELSE format('position %s is already closed', wanted)
        END;
END
$$;
COMMENT ON FUNCTION refuse_position IS
'Says why a position could not be changed: AT404 = it does not exist, AT409 = it is closed, or not entered yet. Never '
'returns.';

CREATE FUNCTION refuse_request(request uuid) RETURNS uuid
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'AT412', COLUMN = 'request_id',
        MESSAGE = format('request_id %s was already used with other content', request);
END
$$;
COMMENT ON FUNCTION refuse_request IS 'Raises AT412: the request_id is known with other content. Never returns.';

CREATE FUNCTION allowed_price(price numeric, allows_negative boolean, named text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF price < 0 AND NOT allows_negative THEN
        RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = named,
            MESSAGE = format('%s is negative: allows_negative_prices is for instruments that have such prices', price);
    END IF;
    RETURN price;
END
$$;
COMMENT ON FUNCTION allowed_price IS
'The given price; raises AT422 when it is negative and the instrument has no negative prices. The column names the '
'field.';
