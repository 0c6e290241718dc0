-- Moving an open position to another session, with its orders and what it has realised.

CREATE FUNCTION move_entries(moved bigint, source bigint, target bigint, why text, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    e record;
    carried numeric := 0;
BEGIN
    FOR e IN
        SELECT CASE WHEN l.entry_type IN ('FILL', 'FEE') THEN 'MOVE' ELSE l.entry_type END AS kind, l.order_fill_id,
               sum(l.pnl) AS pnl, sum(l.commission) AS fee,
               coalesce(sum(l.amount) FILTER (WHERE l.entry_type <> 'MOVE'), 0) AS other
          FROM account_balances AS l
         WHERE l.session_id = source AND l.position_id = moved
         GROUP BY 1, 2
        HAVING sum(l.pnl) <> 0 OR sum(l.commission) <> 0 OR sum(l.amount) FILTER (WHERE l.entry_type <> 'MOVE') <> 0
         ORDER BY 1, 2
    LOOP
        IF e.kind = 'MOVE' THEN
            -- What was earned stays in the balance where it was booked: amount makes up for it.
            PERFORM post_entry(
                source, e.kind, -e.pnl, -e.fee, e.pnl - e.fee, why, 'operator', at, moved,
                e.order_fill_id, NULL, NULL, NULL, TRUE
            );
            PERFORM post_entry(
                target, e.kind, e.pnl, e.fee, e.fee - e.pnl, why, 'operator', at, moved,
                e.order_fill_id, NULL, NULL, NULL, TRUE
            );
        ELSE
            PERFORM post_entry(
                source, e.kind, -e.pnl, -e.fee, -e.other, why, 'operator', at, moved,
                e.order_fill_id, NULL, NULL, NULL, TRUE
            );
            PERFORM post_entry(
                target, e.kind, e.pnl, e.fee, e.other, why, 'operator', at, moved,
                e.order_fill_id, NULL, NULL, NULL, TRUE
            );
            carried := carried + e.pnl - e.fee + e.other;
        END IF;
    END LOOP;
    IF carried <> 0 THEN
        PERFORM post_entry(source, 'MOVE', 0, 0, carried, why, 'operator', at, moved, NULL, NULL, NULL, NULL, TRUE);
        PERFORM post_entry(target, 'MOVE', 0, 0, -carried, why, 'operator', at, moved, NULL, NULL, NULL, NULL, TRUE);
    END IF;
END
$$;
COMMENT ON FUNCTION move_entries IS
'Takes the P&L, fees, funding and interest of a position out of one session''s ledger and into another''s, by '
'entries that together change neither balance: they stay booked where they happened, and count as the position''s '
'where it is now.';

CREATE FUNCTION refuse_move(p positions, target bigint) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    source trading_sessions;
    destination trading_sessions;
    o orders;
BEGIN
    IF p.status = 'CLOSED' THEN
        RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'position_id',
            MESSAGE = format('position %s is closed: its trade is in the books of session %s', p.id, p.session_id);
    END IF;
    PERFORM active_session(target);
    SELECT * INTO source FROM trading_sessions WHERE id = p.session_id;
    SELECT * INTO destination FROM trading_sessions WHERE id = target;
    IF (source.mode, source.base_currency::text) <> (destination.mode, destination.base_currency::text) THEN
        RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = 'session_id',
            MESSAGE = format(
                'session %s is %s in %s, and session %s is %s in %s', source.id, source.mode, source.base_currency,
                destination.id, destination.mode, destination.base_currency
            );
    ELSIF source.purge_started_at IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'position_id',
            MESSAGE = format('session %s is being removed', source.id);
    ELSIF p.continues_position_id IS NOT NULL OR EXISTS (
        SELECT FROM order_fills AS f JOIN orders AS x ON x.id = f.order_id
         WHERE x.position_id = p.id AND f.position_id <> p.id
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'position_id',
            MESSAGE = format(
                'position %s shares the fills of an order with another position of session %s', p.id, source.id
            );
    END IF;
    FOR o IN SELECT * FROM orders AS x WHERE x.position_id = p.id LOOP
        PERFORM refuse_taken_order(target, o.id, o.symbol, o.internal_order_id, o.exchange_order_id);
    END LOOP;
END
$$;
COMMENT ON FUNCTION refuse_move IS
'Raises AT409, AT410 or AT422 when a position cannot be moved to a session: it is closed, shares an order''s fills '
'with another position, an order id is taken there, the session has ended, or is of another mode or currency.';

CREATE FUNCTION move_position_to_session(
    held bigint, target bigint, why label, at instant, request uuid, content_hash bigint
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    p positions;
BEGIN
    PERFORM permitted();
    PERFORM existing_position(held), existing_session(target);
    -- As everywhere: orders, position, sessions; of the two sessions the older one first.
    PERFORM FROM orders AS o WHERE o.position_id = held ORDER BY o.id FOR UPDATE;
    SELECT * INTO p FROM positions AS x WHERE x.id = held FOR UPDATE;
    PERFORM FROM trading_sessions AS s WHERE s.id IN (p.session_id, target) ORDER BY s.id FOR NO KEY UPDATE;
    IF is_corrected(request, content_hash) THEN
        RETURN held;
    ELSIF p.session_id = target THEN
        -- On record, or the same request would take it back once it is elsewhere.
        PERFORM log_correction(p, 'session_id', target::text, target::text, why, at, request, content_hash);
        RETURN held;
    END IF;
    PERFORM refuse_move(p, target);
    PERFORM move_entries(held, p.session_id, target, why, at);
    -- An order names the one that it replaced, of its own session.
    UPDATE orders AS o
       SET replaced_order_id = NULL
      FROM orders AS r
     WHERE r.id = o.replaced_order_id
       AND (o.position_id = held) IS DISTINCT FROM (r.position_id = held)
       AND (o.position_id = held OR r.position_id = held);
    -- At once: each refers to the other's session.
    WITH moved AS (
        UPDATE positions AS x SET session_id = target, last_update = greatest(x.last_update, at) WHERE x.id = held
    )
    UPDATE orders AS o SET session_id = target WHERE o.position_id = held;
    PERFORM log_correction(p, 'session_id', p.session_id::text, target::text, why, at, request, content_hash);
    INSERT INTO reconciliation_audit_events (
        session_id, timestamp, entity_type, entity_id, field, old_value, new_value, reason, severity
    ) VALUES (
        target, at, 'position', held::text, 'session_id', p.session_id::text, target::text, why, 'WARNING'
    );
    RETURN held;
END
$$;
COMMENT ON FUNCTION move_position_to_session IS
'Moves a position that is planned or open to another session of the same mode and currency, with its orders, fills, '
'partial trades and what it has realised; both balances stay. With a reconciliation event in both. The position''s '
'id.';
