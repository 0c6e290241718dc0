-- Money that is no trade, and what a person corrects: funding, interest, transfers, and positions that differ from the
-- exchange's.

CREATE FUNCTION recorded_entry(session bigint, request uuid, content_hash bigint) RETURNS account_balances
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    found account_balances;
BEGIN
    -- The lock makes a concurrent twin wait, and then see the entry.
    PERFORM FROM trading_sessions WHERE id = session FOR NO KEY UPDATE;
    SELECT * INTO found FROM account_balances WHERE request_id = request;
    IF found.request_hash <> content_hash THEN
        PERFORM refuse_request(request);
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION recorded_entry IS
'Locks the session; the ledger entry that the request made, NULL when there is none; raises AT412 when its content '
'differs.';

CREATE FUNCTION record_carry(
    held bigint, kind ledger_entry_type, change amount, reason label, at instant, own_token uuid, request uuid,
    content_hash bigint
) RETURNS numeric
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    p positions;
    known account_balances;
    posted record;
BEGIN
    PERFORM permitted();
    change := as_booked(change);
    PERFORM entered_position(held);
    SELECT * INTO p FROM positions WHERE id = held FOR NO KEY UPDATE;
    known := recorded_entry(p.session_id, request, content_hash);
    IF known.id IS NOT NULL THEN
        RETURN known.total_balance;
    END IF;
    UPDATE positions AS x
       SET funding = CASE kind WHEN 'FUNDING' THEN x.funding + change ELSE x.funding END,
           margin_interest_cost = CASE kind
               WHEN 'INTEREST' THEN x.margin_interest_cost - change
               ELSE x.margin_interest_cost
           END,
           last_update = greatest(x.last_update, at)
     WHERE x.id = held
    RETURNING * INTO p;
    posted := post_entry(
        p.session_id, kind, 0, 0, change, reason, 'engine', at, held, NULL, request, content_hash, own_token, TRUE
    );
    IF p.status = 'CLOSED' THEN
        PERFORM revise_trade(p);
    END IF;
    RETURN posted.balance;
END
$$;
COMMENT ON FUNCTION record_carry IS
'What holding a position brings or costs: FUNDING of either sign, INTEREST as a negative change. Part of the '
'position''s net and in the ledger when it happens; of a position that is CLOSED, its trade and the metrics follow. '
'The balance after.';

CREATE FUNCTION record_money(
    session bigint, kind ledger_entry_type, change amount, reason label, author label, at instant, own_token uuid,
    request uuid, content_hash bigint
) RETURNS numeric
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    known account_balances;
BEGIN
    PERFORM permitted();
    change := as_booked(change);
    PERFORM existing_session(session);
    known := recorded_entry(session, request, content_hash);
    IF known.id IS NOT NULL THEN
        RETURN known.total_balance;
    END IF;
    RETURN (post_entry(
        session, kind, 0, 0, change, reason, author, at, NULL, NULL, request, content_hash, own_token, FALSE
    )).balance;
END
$$;
COMMENT ON FUNCTION record_money IS
'A change of the balance that no position made: a TRANSFER (deposit or withdrawal), INTEREST on the account, an '
'ADJUSTMENT. The balance after.';

CREATE FUNCTION log_correction(
    p positions, corrected text, before text, after text, why text, at timestamptz, request uuid, content_hash bigint
) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO reconciliation_audit_events (
        session_id, timestamp, entity_type, entity_id, field, old_value, new_value, reason, severity, request_id,
        request_hash
    ) VALUES (
        p.session_id, at, 'position', p.id::text, corrected, before, after, why, 'WARNING', request, content_hash
    );
END
$$;
COMMENT ON FUNCTION log_correction IS 'Records what a person corrected of a position, and why.';

CREATE FUNCTION is_corrected(request uuid, content_hash bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    known record;
BEGIN
    SELECT e.id, e.request_hash INTO known FROM reconciliation_audit_events AS e WHERE e.request_id = request;
    IF known.request_hash <> content_hash THEN
        PERFORM refuse_request(request);
    END IF;
    RETURN known.id IS NOT NULL;
END
$$;
COMMENT ON FUNCTION is_corrected IS
'Whether the request has made its correction before; raises AT412 when its content differs.';

CREATE FUNCTION correct_quantity(
    held bigint, actual nonnegative, price signed_price, why label, at instant, request uuid, content_hash bigint
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    p positions;
    o orders;
    difference numeric;
BEGIN
    PERFORM permitted();
    PERFORM entered_position(held);
    SELECT * INTO p FROM positions WHERE id = held FOR NO KEY UPDATE;
    IF is_corrected(request, content_hash) THEN
        RETURN held;
    END IF;
    difference := actual - p.current_quantity;
    IF difference = 0 THEN
        PERFORM log_correction(p, 'current_quantity', p.current_quantity::text, actual::text, why, at, request, content_hash);
        RETURN held;
    END IF;
    IF p.status = 'CLOSED' THEN
        PERFORM refuse_position(held);
    END IF;
    -- An order of the person's own: what differs was bought or sold somewhere, at the price that is given or at cost.
    INSERT INTO orders (
        session_id, position_id, order_type, status, symbol, side, quantity, price, reason, strategy_name, created_at,
        last_update, request_id, request_hash
    ) VALUES (
        p.session_id, held,
        CASE WHEN difference > 0 THEN 'SCALE_IN' WHEN actual = 0 THEN 'FULL_EXIT' ELSE 'PARTIAL_EXIT' END::order_type,
        'OPEN', p.symbol, p.side, abs(difference), coalesce(price, p.entry_price), why, p.strategy_name, at, at, request,
        content_hash
    ) RETURNING * INTO o;
    PERFORM update_order(
        o.id, NULL, NULL, NULL, 'FILLED', abs(difference), coalesce(price, p.entry_price), 0, NULL, NULL, NULL, NULL, NULL,
        NULL, at, NULL
    );
    PERFORM log_correction(p, 'current_quantity', p.current_quantity::text, actual::text, why, at, request, content_hash);
    RETURN held;
END
$$;
COMMENT ON FUNCTION correct_quantity IS
'Makes a position hold what the exchange holds: the difference is an order of its own, filled at the price, or at cost '
'(which makes no P&L). 0 closes the position: it was closed elsewhere. With a reconciliation event. The position''s '
'id.';

CREATE FUNCTION correct_entry_price(
    held bigint, actual signed_price, why label, at instant, request uuid, content_hash bigint
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    p positions;
    o orders;
    before numeric;
    worth numeric;
    fill bigint;
    m booking;
BEGIN
    PERFORM permitted();
    -- Also where there is no order whose condition could ask.
    PERFORM entered_position(held);
    SELECT * INTO o FROM orders WHERE position_id = held AND order_type = 'ENTRY'
     ORDER BY created_at, id LIMIT 1 FOR NO KEY UPDATE;
    SELECT * INTO p FROM positions WHERE id = held FOR NO KEY UPDATE;
    IF is_corrected(request, content_hash) THEN
        RETURN held;
    END IF;
    before := average_price(p.contract, p.contract_size, p.quantity, p.entry_notional);
    worth := contract_value(p.contract, p.contract_size, p.quantity, actual) - p.entry_notional;
    IF o.id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'position_id',
            MESSAGE = format('position %s has no entry order of its own: correct the one that it continues', held);
    END IF;
    fill := nextval('order_fills_id_seq');
    UPDATE orders AS x
       SET corrected_value = x.corrected_value + worth,
           filled_value = x.filled_value + worth,
           last_update = greatest(x.last_update, at)
     WHERE x.id = o.id
    RETURNING * INTO o;
    m := book_fill(p, o, 0, worth, 0, at, NULL, NULL, NULL, fill, NULL, NULL, NULL);
    INSERT INTO order_fills (
        id, order_id, kind, filled_at, position_id, is_booked, booked_quantity, booked_value, released_cost, pnl,
        unconverted_pnl
    ) VALUES (fill, o.id, 'CHANGE', at, m.position_id, TRUE, 0, m.value, m.released_cost, m.pnl, m.unconverted);
    PERFORM log_correction(p, 'entry_price', before::text, actual::text, why, at, request, content_hash);
    RETURN held;
END
$$;
COMMENT ON FUNCTION correct_entry_price IS
'Corrects the average price of everything that a position entered: what is still held costs the difference more, the '
'share of what was exited is P&L at once. The fills stay as they were reported. With a reconciliation event. The '
'position''s id.';

CREATE FUNCTION set_balance(
    session bigint, actual amount, reserved nonnegative, assets document, reason label, author label, at instant,
    own_token uuid, request uuid, content_hash bigint
) RETURNS numeric
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    known account_balances;
    before numeric;
BEGIN
    PERFORM permitted();
    actual := as_booked(actual);
    PERFORM existing_session(session);
    known := recorded_entry(session, request, content_hash);
    IF known.id IS NOT NULL THEN
        RETURN known.total_balance;
    END IF;
    PERFORM active_session(session);
    SELECT s.current_balance INTO before FROM trading_sessions AS s WHERE s.id = session;
    INSERT INTO system_events (session_id, timestamp, event_type, severity, message, details, request_id, request_hash)
    VALUES (
        session, at, 'BALANCE_ADJUSTMENT', CASE before WHEN actual THEN 'INFO' ELSE 'WARNING' END::severity,
        'Balance set: ' || reason,
        jsonb_build_object('old_balance', before::text, 'new_balance', actual::text, 'updated_by', author),
        request, content_hash
    );
    RETURN (post_entry(
        session, 'ADJUSTMENT', 0, 0, actual - before, reason, author, at, NULL, NULL, request, content_hash, own_token, FALSE,
        reserved, assets
    )).balance;
END
$$;
COMMENT ON FUNCTION set_balance IS
'Sets a session''s balance to what the exchange says, with what orders reserve and each asset''s quantity: the '
'difference is an ADJUSTMENT. What happened before that (a fill, a fee, funding, interest, a transfer) and is booked '
'afterwards is a WARNING event: it may be counted twice. The balance after.';
