-- What an engine does with orders: journal, acknowledge, fill, amend, adopt. Each command is one call of one function.

CREATE FUNCTION orders_with_ids(session bigint, internal text, exchange text) RETURNS bigint[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF internal IS NOT NULL THEN
        RETURN (
            SELECT array_agg(o.id)
              FROM orders AS o
             WHERE o.session_id::text || ' ' || o.internal_order_id::text = session::text || ' ' || internal
        );
    ELSIF exchange IS NOT NULL THEN
        RETURN (
            SELECT array_agg(o.id ORDER BY o.id)
              FROM orders AS o
             WHERE o.session_id::text || ' ' || o.exchange_order_id::text = session::text || ' ' || exchange
        );
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION orders_with_ids IS
'The ids of a session''s orders with the client order id, or else with the exchange''s; NULL when there is none.';

-- Never by reading the whole table, as a plan would that was made while it was empty; nor by any other index, which
-- would lead to all orders of the session.
CREATE FUNCTION formerly(session bigint, exchange text, traded text) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
BEGIN
    RETURN (
        SELECT array_agg(o.id ORDER BY o.id)
          FROM orders AS o
         WHERE o.former_exchange_order_ids @> ARRAY[exchange]
           AND o.session_id + 0 = session
           AND o.symbol || '' = coalesce(traded, o.symbol)
    );
END
$$;
COMMENT ON FUNCTION formerly IS
'The ids of a session''s orders that had the exchange''s id before they were amended, in one symbol or any; NULL when '
'there is none.';

CREATE FUNCTION find_order(own_id bigint, session bigint, internal text, exchange text) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    held_by bigint;
    found bigint[];
BEGIN
    IF own_id IS NOT NULL THEN
        SELECT o.session_id INTO held_by FROM orders AS o WHERE o.id = own_id;
        IF held_by IS NULL THEN
            PERFORM existing_order(own_id);
        ELSIF session <> held_by THEN
            PERFORM existing_session(session);
            RAISE EXCEPTION USING ERRCODE = 'AT404', COLUMN = 'order_id',
                MESSAGE = format('session %s has no order %s', session, own_id);
        END IF;
        RETURN own_id;
    END IF;
    IF session IS NULL OR num_nonnulls(internal, exchange) = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = 'order_id',
            MESSAGE = 'give order_id, or session_id with internal_order_id or exchange_order_id';
    END IF;
    found := orders_with_ids(session, internal, exchange);
    IF found IS NULL AND internal IS NOT NULL THEN
        -- An answer may carry a client id of its own, as that to a cancel does.
        found := orders_with_ids(session, NULL, exchange);
    END IF;
    IF found IS NULL AND exchange IS NOT NULL THEN
        found := formerly(session, exchange, NULL);
    END IF;
    IF found IS NULL THEN
        PERFORM existing_session(session);
        RAISE EXCEPTION USING ERRCODE = 'AT404',
            COLUMN = CASE WHEN internal IS NULL THEN 'exchange_order_id' ELSE 'internal_order_id' END,
            MESSAGE = format('session %s has no order %s', session, coalesce(internal, exchange));
    ELSIF cardinality(found) > 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'exchange_order_id',
            MESSAGE = format('exchange order %s is both order %s and order %s: give order_id', exchange, found[1], found[2]);
    END IF;
    RETURN found[1];
END
$$;
COMMENT ON FUNCTION find_order IS
'The id of an order by our id, or within its session by the client order id, or else the exchange''s (also one that it '
'had before it was amended). Raises AT404 when there is none, AT409 when two symbols share the exchange''s id, AT422 '
'when no id is given.';

CREATE FUNCTION refuse_fill(
    known order_fills, filled numeric, at_price numeric, told_fee numeric, told_currency text, told_commission numeric
)
RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'exchange_fill_id',
        MESSAGE = format(
            'fill %s of order %s is recorded with other figures: %s @ %s, fee %s, and now %s @ %s, fee %s',
            known.exchange_fill_id, known.order_id, trim_scale(known.quantity::numeric), trim_scale(known.price::numeric),
            coalesce(known.fee || ' ' || known.fee_currency, known.commission::text, 'not known'),
            trim_scale(filled), trim_scale(at_price),
            coalesce(told_fee || ' ' || told_currency, told_commission::text, 'not known')
        );
END
$$;
COMMENT ON FUNCTION refuse_fill IS 'Raises AT409, with both figures: the fill is known with others. Never returns.';

CREATE FUNCTION store_order(o orders) RETURNS orders
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    by_total boolean := o.told_quantity > o.recorded_quantity;
BEGIN
    -- Single fills are exact: they take the total's place as soon as they reach it.
    o.filled_quantity := greatest(o.recorded_quantity, o.told_quantity);
    o.commission := CASE
        -- The fees of a total may be older than those of the single fills.
        WHEN (by_total OR o.unknown_fees > 0) AND abs(o.told_commission) >= abs(o.recorded_commission) THEN o.told_commission
        ELSE o.recorded_commission
    END;
    IF by_total AND o.told_value IS NOT NULL THEN
        o.filled_price := o.told_price;
        o.filled_units := o.told_quantity - o.recorded_base_fee;
        -- At the average price of the total, what fees in the base asset took is worth nothing either.
        o.filled_value := share_of(o.told_value, o.filled_units, o.told_quantity) + o.corrected_value;
    ELSE
        o.filled_price := CASE
            WHEN o.recorded_quantity > 0 THEN average_price('LINEAR', 1, o.recorded_quantity, o.recorded_notional)
        END;
        o.filled_units := o.recorded_quantity - o.recorded_base_fee;
        o.filled_value := o.recorded_value + o.corrected_value;
    END IF;
    -- A float's noise in what was ordered is no difference.
    o.is_overfilled := o.quote_quantity IS NULL AND o.filled_quantity > o.quantity * 1.000000000001;
    UPDATE orders AS x
       SET status = o.status, quantity = o.quantity, price = o.price, told_quantity = o.told_quantity,
           told_price = o.told_price, told_value = o.told_value, told_commission = o.told_commission,
           recorded_quantity = o.recorded_quantity, recorded_base_fee = o.recorded_base_fee,
           recorded_notional = o.recorded_notional, recorded_value = o.recorded_value,
           recorded_commission = o.recorded_commission, unknown_fees = o.unknown_fees,
           filled_quantity = o.filled_quantity,
           filled_price = o.filled_price, filled_units = o.filled_units, filled_value = o.filled_value,
           commission = o.commission, is_overfilled = o.is_overfilled, needs_review = o.needs_review,
           exchange_order_id = o.exchange_order_id, former_exchange_order_ids = o.former_exchange_order_ids,
           failure_reason = o.failure_reason, filled_at = o.filled_at, cancelled_at = o.cancelled_at,
           last_update = o.last_update
     WHERE x.id = o.id;
    RETURN o;
END
$$;
COMMENT ON FUNCTION store_order IS
'Writes an order that is locked, with what follows from its reports: filled quantity and price, what that moves in a '
'position and its value, fees, whether it is more than was ordered. The order as it is then.';

CREATE FUNCTION complete_fee(
    known order_fills,
    before orders,
    told_fee numeric,
    told_currency text,
    converted numeric,
    base_fee numeric,
    base_value numeric,
    own_token uuid
) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    filled orders := before;
    p positions;
    due numeric;
BEGIN
    UPDATE order_fills AS f
       SET fee = coalesce(f.fee, told_fee), fee_currency = coalesce(f.fee_currency, told_currency),
           commission = coalesce(f.commission, converted)
     WHERE f.id = known.id;
    IF converted IS NULL THEN
        RETURN;
    END IF;
    filled.recorded_commission := before.recorded_commission + converted;
    filled.unknown_fees := before.unknown_fees - 1;
    filled.recorded_base_fee := before.recorded_base_fee + base_fee;
    filled.recorded_value := before.recorded_value - base_value;
    filled := store_order(filled);
    due := filled.commission - before.commission;
    IF filled.filled_units <> before.filled_units OR filled.filled_value <> before.filled_value THEN
        SELECT * INTO p FROM positions WHERE id = filled.position_id FOR NO KEY UPDATE;
        PERFORM take_up(before, filled, p, known.filled_at, NULL, NULL, NULL, own_token, NULL, NULL, NULL);
    ELSIF due <> 0 THEN
        UPDATE order_fills AS f SET booked_commission = f.booked_commission + due WHERE f.id = known.id;
        IF filled.position_id IS NOT NULL THEN
            PERFORM book_late_fee(coalesce(known.position_id, filled.position_id), due, known, own_token);
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION complete_fee IS
'A fee of a fill, or its conversion, that became known later: it is booked once, into the position that took the fill '
'up.';

CREATE FUNCTION book_late_fee(held bigint, fee numeric, known order_fills, own_token uuid) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    p positions;
BEGIN
    UPDATE positions AS x SET commission = x.commission + fee WHERE x.id = held RETURNING * INTO p;
    PERFORM post_entry(
        p.session_id, 'FEE', 0, fee, 0, 'fee known later', 'engine', known.filled_at, p.id, known.id, NULL, NULL,
        own_token, TRUE
    );
    IF p.status = 'CLOSED' THEN
        PERFORM revise_trade(p);
    END IF;
END
$$;
COMMENT ON FUNCTION book_late_fee IS 'Books a fee that became known after its fill into the position and the ledger.';

CREATE FUNCTION record_fill(
    own_id bigint,
    session bigint,
    internal label,
    exchange label,
    fill label,
    filled quantity,
    at_price signed_price,
    told_fee amount,
    told_currency label,
    told_commission amount,
    told_pnl amount,
    rate quantity,
    at exchange_time,
    own_token uuid
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    is_permitted CONSTANT boolean := permitted();
    ordered CONSTANT bigint := find_order(own_id, session, internal, exchange);
    before orders;
    o orders;
    p positions;
    base text;
    known order_fills;
    execution order_fills;
    booked booking;
    converted numeric;
    base_fee numeric := 0;
    base_value numeric := 0;
BEGIN
    told_commission := as_booked(told_commission);
    told_pnl := as_booked(told_pnl);
    PERFORM FROM orders WHERE id = ordered FOR NO KEY UPDATE;
    SELECT * INTO before FROM orders WHERE id = ordered;
    IF before.position_id IS NOT NULL THEN
        PERFORM FROM positions WHERE id = before.position_id FOR NO KEY UPDATE;
        SELECT * INTO p FROM positions WHERE id = before.position_id;
    ELSE
        p.contract := 'LINEAR';
        p.contract_size := 1;
        p.allows_negative_prices := FALSE;
    END IF;
    IF (at_price < 0 AND NOT p.allows_negative_prices) OR (at_price = 0 AND p.contract = 'INVERSE') THEN
        RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = 'price',
            MESSAGE = format('order %s cannot be filled at %s: the position''s instrument has no such price', before.id, at_price);
    END IF;

    -- A fee in the traded asset makes a purchase smaller, and a sale takes that much more out of the position.
    converted := told_commission;
    IF told_fee = 0 THEN
        converted := coalesce(converted, 0);
    ELSIF told_fee IS NOT NULL THEN
        SELECT s.base_currency INTO base FROM trading_sessions AS s WHERE s.id = before.session_id;
        IF upper(told_currency) = upper(base) THEN
            told_currency := base;
            converted := coalesce(converted, as_booked(told_fee));
        ELSIF upper(told_currency) = upper(p.base_asset) THEN
            told_currency := p.base_asset;
            base_fee := CASE WHEN is_entry(before.order_type) = (before.side = 'LONG') THEN told_fee ELSE -told_fee END;
            base_value := contract_value(p.contract, p.contract_size, base_fee, at_price);
            converted := coalesce(converted, abs(base_value) * sign(told_fee));
        END IF;
    END IF;

    PERFORM FROM order_fills AS f WHERE f.order_id = before.id AND f.exchange_fill_id = fill;
    IF FOUND THEN
        SELECT * INTO known FROM order_fills AS f WHERE f.order_id = before.id AND f.exchange_fill_id = fill;
        IF (known.quantity, known.price) IS DISTINCT FROM (filled, at_price)
            OR (known.fee, known.fee_currency) <> (told_fee, told_currency)
            -- Another conversion of the same fee is no other fee; a fee that is not the cost given before is one.
            OR (known.fee IS NULL AND known.commission IS NOT NULL AND (base_fee <> 0 OR converted <> known.commission)) THEN
            PERFORM refuse_fill(known, filled, at_price, told_fee, told_currency, told_commission);
        END IF;
        IF known.commission IS NULL AND num_nonnulls(told_fee, told_commission) > 0 THEN
            -- As of a fill whose fee was known at once, to the last digit.
            base_value := contract_value(p.contract, p.contract_size, filled, at_price)
                - contract_value(p.contract, p.contract_size, filled - base_fee, at_price);
            PERFORM complete_fee(known, before, told_fee, told_currency, converted, base_fee, base_value, own_token);
        END IF;
        IF num_nonnulls(told_pnl, rate) > 0 THEN
            IF known.unconverted_pnl IS NOT NULL THEN
                PERFORM convert_pnl(known, told_pnl, rate, own_token);
            ELSIF NOT known.is_booked THEN
                UPDATE order_fills AS f
                   SET told_pnl = coalesce(f.told_pnl, record_fill.told_pnl),
                       settlement_rate = coalesce(f.settlement_rate, rate)
                 WHERE f.id = known.id;
            END IF;
        END IF;
        RETURN known.id;
    END IF;

    o := before;
    o.recorded_quantity := before.recorded_quantity + filled;
    o.recorded_notional := before.recorded_notional + filled * at_price;
    o.recorded_base_fee := before.recorded_base_fee + base_fee;
    o.recorded_value := before.recorded_value + contract_value(p.contract, p.contract_size, filled - base_fee, at_price);
    o.recorded_commission := before.recorded_commission + coalesce(converted, 0);
    o.unknown_fees := before.unknown_fees + (converted IS NULL)::integer;
    IF before.status NOT IN ('FILLED', 'CANCELLED', 'FAILED', 'EXPIRED') THEN
        o.status := CASE
            WHEN o.quote_quantity IS NULL
             AND greatest(o.told_quantity, o.recorded_quantity) >= o.quantity * 0.999999999999 THEN 'FILLED'
            ELSE 'PARTIALLY_FILLED'
        END;
        o.needs_review := FALSE;
    END IF;
    o.filled_at := greatest(before.filled_at, at);
    o.last_update := greatest(before.last_update, at);
    o := store_order(o);
    execution.kind := 'FILL';
    execution.exchange_fill_id := fill;
    execution.quantity := filled;
    execution.price := at_price;
    execution.fee := told_fee;
    execution.fee_currency := told_currency;
    execution.commission := converted;
    booked := take_up(before, o, p, at, told_pnl, rate, at_price, own_token, NULL, NULL, execution);
    RETURN currval('order_fills_id_seq');
END
$$;
COMMENT ON FUNCTION record_fill IS
'Records one execution as the exchange reports it with its order, and books it into the position: all or nothing. fill '
'is the key: the same one again changes nothing, or completes a fee or a P&L that was not known; with other figures it '
'is AT409 with both. The id of the fill.';

CREATE FUNCTION convert_order(wanted bigint, told_pnl numeric, rate numeric, own_token uuid) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    r order_fills;
    due numeric := told_pnl;
BEGIN
    IF num_nonnulls(told_pnl, rate) = 0 THEN
        RETURN;
    END IF;
    FOR r IN
        SELECT * FROM order_fills AS f WHERE f.order_id = wanted AND f.unconverted_pnl IS NOT NULL ORDER BY f.id
    LOOP
        PERFORM convert_pnl(r, due, rate, own_token);
        due := CASE WHEN told_pnl IS NOT NULL THEN 0 END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION convert_order IS
'As convert_pnl, of all that an order was filled with: a P&L is that of all of it, and is booked with the oldest.';

CREATE FUNCTION update_order(
    own_id bigint,
    session bigint,
    internal label,
    exchange label,
    state order_status,
    total nonnegative,
    average signed_price,
    total_commission amount,
    new_quantity quantity,
    new_price signed_price,
    failure prose,
    review boolean,
    told_pnl amount,
    rate quantity,
    at instant,
    own_token uuid
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    names_by_exchange boolean;
    before orders;
    o orders;
    p positions;
    told numeric;
    told_at numeric;
BEGIN
    PERFORM permitted();
    SELECT * INTO before FROM orders WHERE id = find_order(own_id, session, internal, exchange) FOR NO KEY UPDATE;
    names_by_exchange := own_id IS NULL AND (internal = before.internal_order_id) IS NOT TRUE;
    p.contract := 'LINEAR';
    p.contract_size := 1;
    IF before.position_id IS NOT NULL THEN
        SELECT * INTO p FROM positions WHERE id = before.position_id FOR NO KEY UPDATE;
    END IF;
    total_commission := as_booked(total_commission);
    told_pnl := as_booked(told_pnl);
    told := coalesce(
        -- A sum of floats that is what was ordered, if it is not all that is held.
        CASE
            WHEN abs(total - before.quantity) <= before.quantity * 1e-12 AND scale(total) > scale(before.quantity)
             AND total IS DISTINCT FROM p.current_quantity
                THEN before.quantity
            ELSE total
        END,
        CASE
            WHEN state = 'FILLED' AND before.filled_quantity = 0 AND NOT is_final(before.status)
                THEN coalesce(new_quantity, before.quantity)
        END,
        -- A price that comes later, or is corrected, is that of the total that is known.
        CASE WHEN average IS NOT NULL THEN nullif(before.told_quantity, 0) END
    );
    told_at := coalesce(average, CASE WHEN before.told_price IS NULL THEN before.price END, before.told_price);
    IF (told_at < 0 AND NOT coalesce(p.allows_negative_prices, FALSE)) OR (average = 0 AND p.contract = 'INVERSE') THEN
        RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = 'filled_price',
            MESSAGE = format('order %s cannot be filled at %s: the position''s instrument has no such price', before.id, told_at);
    END IF;
    IF NOT names_by_exchange AND (exchange = before.exchange_order_id) IS NOT TRUE AND exchange IS NOT NULL THEN
        PERFORM refuse_taken_order(before.session_id, before.id, before.symbol, NULL, exchange);
    END IF;
    o := before;
    o.quantity := coalesce(new_quantity, before.quantity);
    o.price := coalesce(new_price, before.price);
    IF NOT names_by_exchange AND exchange IS NOT NULL THEN
        IF exchange <> before.exchange_order_id THEN
            o.former_exchange_order_ids := before.former_exchange_order_ids || before.exchange_order_id::text;
        END IF;
        o.exchange_order_id := exchange;
    END IF;
    IF told > 0 AND told >= before.told_quantity THEN
        o.told_quantity := told;
        o.told_price := told_at;
        o.told_value := contract_value(p.contract, p.contract_size, told, told_at);
    END IF;
    IF told IS NULL OR told >= before.told_quantity THEN
        o.told_commission := coalesce(total_commission, before.told_commission);
    END IF;
    o.filled_quantity := greatest(o.recorded_quantity, o.told_quantity);
    IF NOT is_final(before.status) THEN
        o.status := CASE
            WHEN state IN ('FILLED', 'CANCELLED', 'FAILED', 'EXPIRED') THEN state
            WHEN o.quote_quantity IS NULL AND o.filled_quantity >= o.quantity * 0.999999999999 THEN 'FILLED'
            WHEN o.filled_quantity > 0 AND coalesce(state, 'OPEN') <> 'UNKNOWN' THEN 'PARTIALLY_FILLED'
            WHEN state IS NULL OR state IN ('PENDING', 'PARTIALLY_FILLED') THEN before.status
            ELSE state
        END;
        IF state IN ('CANCELLED', 'EXPIRED') THEN
            o.cancelled_at := at;
        END IF;
    END IF;
    -- Until somebody says that it is looked at, or the exchange knows the order again.
    o.needs_review := coalesce(review, before.needs_review AND coalesce(state, 'UNKNOWN') IN ('UNKNOWN', 'PENDING'));
    o.failure_reason := coalesce(failure, before.failure_reason);
    IF before.status IN ('FAILED', 'EXPIRED') AND before.exchange_order_id IS NULL AND o.exchange_order_id IS NOT NULL
        AND state IN ('OPEN', 'PARTIALLY_FILLED') THEN
        PERFORM warn(
            before.session_id, at,
            format('Order %s is %s here, and the exchange has it: %s', before.id, before.status, state),
            jsonb_build_object('order_id', before.id, 'status', before.status, 'exchange_order_id', exchange)
        );
    END IF;
    IF o.filled_quantity > before.filled_quantity THEN
        o.filled_at := greatest(before.filled_at, at);
    END IF;
    o.last_update := greatest(before.last_update, at);
    o := store_order(o);
    IF (o.filled_units, o.filled_value, o.commission) IS DISTINCT FROM (before.filled_units, before.filled_value,
    before.commission) THEN
        PERFORM take_up(before, o, p, at, told_pnl, rate, coalesce(average, o.filled_price), own_token, NULL, NULL, NULL);
    ELSIF own_token IS NOT NULL THEN
        PERFORM fence(o.session_id, own_token);
    END IF;
    IF num_nonnulls(told_pnl, rate) > 0 THEN
        -- A P&L is that of what is new, if anything is.
        PERFORM convert_order(
            o.id,
            CASE
                WHEN (o.filled_units, o.filled_value) IS NOT DISTINCT FROM (before.filled_units, before.filled_value)
                    THEN told_pnl
            END,
            rate, own_token
        );
    END IF;
    RETURN o.id;
END
$$;
COMMENT ON FUNCTION update_order IS
'What the exchange reports of an order as a whole: state, id, amended quantity and price, totals. Forward only: a '
'state that would go back and an end that is there already stay, the rest of the report is kept and booked. A WARNING '
'event says that the exchange has an order that was only given up here. The order''s id.';

CREATE FUNCTION refuse_taken_order(session bigint, own_id bigint, traded text, internal text, exchange text)
RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    taken bigint;
BEGIN
    SELECT o.id INTO taken
      FROM orders AS o
     WHERE o.session_id::text || ' ' || o.internal_order_id::text = session::text || ' ' || internal
       AND o.id IS DISTINCT FROM own_id;
    IF taken IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'internal_order_id',
            MESSAGE = format('order %s of session %s has the id %s', taken, session, internal);
    END IF;
    SELECT o.id INTO taken
      FROM orders AS o
     WHERE o.session_id::text || ' ' || o.exchange_order_id::text = session::text || ' ' || exchange
       AND o.symbol = traded
       AND o.id IS DISTINCT FROM own_id;
    IF taken IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'exchange_order_id',
            MESSAGE = format('order %s of session %s has the id %s', taken, session, exchange);
    END IF;
END
$$;
COMMENT ON FUNCTION refuse_taken_order IS
'Raises AT409, with the order that it meets, when another order of the session has the client order id or, in the same '
'symbol, the exchange''s.';

CREATE FUNCTION refuse_halted(flag text) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    f record;
BEGIN
    -- Raising a flag waits for orders that are being journaled, so that none is after it was raised. A table that
    -- is hardly ever written stands for the gate: a role that only reads cannot take a lock on it as it can take an
    -- advisory one.
    LOCK TABLE deployment IN ROW SHARE MODE;
    SELECT * INTO f FROM system_control_flags WHERE name = flag AND active;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'AT451', COLUMN = 'unless_flag',
            MESSAGE = format('%s is active since %s, set by %s: %s', f.name, f.updated_at, f.source, f.reason);
    END IF;
END
$$;
COMMENT ON FUNCTION refuse_halted IS
'Raises AT451 when the control flag is active; a flag that was never set is not. Holds off who would raise it until '
'the transaction ends.';

CREATE FUNCTION fitting_position(wanted bigint, traded text, direction position_side) RETURNS positions
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    p positions;
BEGIN
    SELECT * INTO p FROM positions WHERE id = wanted;
    IF NOT FOUND THEN
        PERFORM existing_position(wanted);
    ELSIF p.symbol <> traded OR p.side <> direction THEN
        RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = 'position_id',
            MESSAGE = format(
                'position %s is %s in %s, and the order is of a %s position in %s', p.id, p.side, p.symbol, direction,
                traded
            );
    END IF;
    RETURN p;
END
$$;
COMMENT ON FUNCTION fitting_position IS
'The position that an order is of; raises AT404 when there is none, AT422 when its symbol or side is another.';

CREATE FUNCTION settlement_of(given text, traded text, kind contract_type, base text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    parts text[];
    named text;
BEGIN
    IF given IS NOT NULL OR strpos(traded, '/') = 0 THEN
        RETURN given;
    END IF;
    parts := regexp_match(traded, '^([^/:]+)/([^/:]{3,})(?::([^/:-]+)(?:-.*)?)?$');
    named := coalesce(parts[3], CASE kind WHEN 'LINEAR' THEN parts[2] ELSE parts[1] END);
    RETURN CASE WHEN upper(named) <> upper(base) THEN named END;
END
$$;
COMMENT ON FUNCTION settlement_of IS
'The currency in which a position''s P&L falls due: as it is given, else as a symbol of the form BASE/QUOTE or '
'BASE/QUOTE:SETTLE says (an inverse contract without SETTLE: BASE). NULL where that is the session''s base currency, '
'or the symbol says nothing.';

CREATE FUNCTION plan_position(
    session bigint,
    traded symbol,
    direction position_side,
    entry_quantity quantity,
    strategy label,
    size_of_balance size,
    balance amount,
    stop signed_price,
    target signed_price,
    trails boolean,
    confidence fraction,
    venue label,
    hold_until instant,
    end_of_day boolean,
    weekend boolean,
    restriction_group label,
    kind contract_type,
    units_per_contract quantity,
    asset label,
    settles_in label,
    rate quantity,
    negative_prices boolean,
    worth numeric,
    at instant,
    request uuid,
    content_hash bigint,
    geared size DEFAULT NULL,
    liquidates_at price DEFAULT NULL,
    tag label DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    planned bigint;
BEGIN
    IF least(stop, target) < 0 THEN
        PERFORM allowed_price(stop, negative_prices, 'stop_loss'), allowed_price(target, negative_prices, 'take_profit');
    END IF;
    IF size_of_balance > 1 THEN
        PERFORM refuse_percent_of_balance(session, size_of_balance, balance, worth);
    END IF;
    INSERT INTO positions (
        session_id, symbol, side, status, contract, contract_size, base_asset, settlement_currency, settlement_rate,
        allows_negative_prices, planned_size, planned_quantity, entry_time, entry_balance, stop_loss, take_profit,
        trailing_stop, strategy_name, confidence_score, exchange, max_holding_until, end_of_day_exit, weekend_exit,
        time_restriction_group, leverage, liquidation_price, entry_tag, last_update, request_id, request_hash
    )
    SELECT s.id, traded, direction, 'PLANNED', kind, units_per_contract, asset,
           settlement_of(settles_in, traded, kind, s.base_currency), rate, negative_prices, size_of_balance, entry_quantity, at, balance, stop, target, trails,
           coalesce(strategy, s.strategy_name), confidence, coalesce(venue, s.exchange), hold_until, end_of_day,
           weekend,
           restriction_group, geared, liquidates_at, tag, at, request, content_hash
      FROM trading_sessions AS s
     WHERE s.id = session
    RETURNING id INTO planned;
    RETURN planned;
END
$$;
COMMENT ON FUNCTION plan_position IS
'Writes the plan of a position, with the stop, target and contract that it will have: what is wrong with them is '
'refused before anything is sent. Its id; NULL when there is no such session.';

CREATE FUNCTION journal_order(
    session bigint,
    of_position bigint,
    kind order_type,
    state order_status,
    traded symbol,
    direction position_side,
    ordered quantity,
    ordered_amount quantity,
    limit_price signed_price,
    exchange label,
    internal label,
    replaced bigint,
    strategy label,
    target integer,
    fraction size,
    why label,
    size_of_balance size,
    balance amount,
    stop signed_price,
    take signed_price,
    trails boolean,
    confidence fraction,
    venue label,
    hold_until instant,
    end_of_day boolean,
    weekend boolean,
    restriction_group label,
    contract contract_type,
    units_per_contract quantity,
    asset label,
    settles_in label,
    rate quantity,
    negative_prices boolean,
    at instant,
    flag label,
    own_token uuid,
    request uuid,
    content_hash bigint,
    geared size DEFAULT NULL,
    liquidates_at price DEFAULT NULL,
    tag label DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    known orders;
    held positions;
    planned bigint := of_position;
    new_id bigint;
BEGIN
    PERFORM permitted();
    SELECT * INTO known FROM orders WHERE request_id = request;
    IF NOT FOUND THEN
        -- Or a concurrent twin could meet its own order's other unique ids before it meets its request_id. Only of a
        -- request that is not on record: nobody else knows its key.
        PERFORM pg_advisory_xact_lock(hashtextextended(request::text, 0));
        SELECT * INTO known FROM orders WHERE request_id = request;
    END IF;
    IF FOUND THEN
        IF known.request_hash <> content_hash THEN
            PERFORM refuse_request(request);
        END IF;
        RETURN known.id;
    END IF;
    PERFORM active_session(session);
    IF flag IS NOT NULL THEN
        PERFORM refuse_halted(flag);
        -- The session's own switch of that name.
        PERFORM refuse_halted(flag || ':' || session);
    END IF;
    IF of_position IS NOT NULL THEN
        held := fitting_position(of_position, traded, direction);
    END IF;
    IF limit_price < 0 THEN
        PERFORM allowed_price(limit_price, coalesce(held.allows_negative_prices, negative_prices), 'price');
    END IF;
    IF kind = 'ENTRY' AND of_position IS NULL THEN
        planned := plan_position(
            session, traded, direction, ordered, strategy, size_of_balance, balance, stop, take, trails, confidence,
            venue, hold_until, end_of_day, weekend, restriction_group, contract, units_per_contract, asset, settles_in,
            rate, negative_prices,
            -- In the session's own currency, as far as it is known; of a market order it is not.
            CASE
                WHEN settles_in IS NULL
                    THEN coalesce(ordered_amount, contract_value(contract, units_per_contract, ordered, limit_price))
            END,
            at, request, content_hash, geared, liquidates_at, tag
        );
    END IF;
    PERFORM refuse_percent(fraction, 'size_fraction');
    INSERT INTO orders (
        session_id, position_id, order_type, status, symbol, side, quantity, quote_quantity, price, exchange_order_id,
        internal_order_id, replaced_order_id, strategy_name, target_level, size_fraction, reason, created_at,
        last_update, request_id, request_hash
    ) VALUES (
        session, planned, kind, state, traded, direction, ordered, ordered_amount, limit_price, exchange,
        internal, replaced, strategy, target, fraction, why, at, at, request, content_hash
    )
    ON CONFLICT DO NOTHING
    RETURNING id INTO new_id;
    IF NOT FOUND THEN
        PERFORM refuse_taken_order(session, NULL, traded, internal, exchange);
    END IF;
    IF own_token IS NOT NULL THEN
        PERFORM fence(session, own_token);
    END IF;
    RETURN new_id;
END
$$;
COMMENT ON FUNCTION journal_order IS
'Journals an order before it is sent; an ENTRY order without a position plans one. The order''s id, also of the one '
'that the request journaled before. Raises AT451 when the control flag, or the session''s own of that name, is active.';

CREATE FUNCTION is_revalued(o orders, own_token uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    p positions;
    base text;
    purchase boolean := is_entry(o.order_type) = (o.side = 'LONG');
    due record;
    reported order_fills;
    nothing orders := o;
BEGIN
    SELECT * INTO p FROM positions WHERE id = o.position_id FOR NO KEY UPDATE;
    SELECT s.base_currency INTO base FROM trading_sessions AS s WHERE s.id = o.session_id;
    SELECT coalesce(sum(v.base_fee), 0) AS base_fee,
           coalesce(sum(contract_value(p.contract, p.contract_size, v.quantity - v.base_fee, v.price)), 0) AS value,
           CASE
               WHEN o.told_price IS NOT NULL
                   THEN contract_value(p.contract, p.contract_size, o.told_quantity, o.told_price)
           END AS told_value,
           min(v.price) AS lowest, coalesce(bool_or(v.price = 0), FALSE) AS is_worthless
      INTO due
      FROM (
               SELECT f.quantity, f.price,
                      CASE
                          WHEN (f.fee_currency = p.base_asset AND f.fee_currency <> base) IS NOT TRUE THEN 0
                          WHEN purchase THEN f.fee
                          ELSE -f.fee
                      END AS base_fee
                 FROM order_fills AS f
                WHERE f.order_id = o.id AND f.kind = 'FILL'
           ) AS v;
    IF due.lowest < 0 AND NOT p.allows_negative_prices OR (due.is_worthless AND p.contract = 'INVERSE') THEN
        RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = 'position_id',
            MESSAGE = format('order %s was filled at %s: the position''s instrument has no such price', o.id, due.lowest);
    END IF;
    IF (due.base_fee, due.value) = (o.recorded_base_fee, o.recorded_value)
        AND due.told_value IS NOT DISTINCT FROM o.told_value THEN
        RETURN FALSE;
    END IF;
    UPDATE order_fills AS f
       SET is_booked = TRUE, position_id = p.id, booked_quantity = 0, booked_value = 0, booked_commission = 0,
           commission = coalesce(
               f.commission,
               CASE
                   WHEN f.fee_currency = p.base_asset
                       THEN contract_value(p.contract, p.contract_size, f.fee, f.price)
               END
           )
     WHERE f.order_id = o.id;
    o.recorded_base_fee := due.base_fee;
    o.recorded_value := due.value;
    o.told_value := due.told_value;
    -- What was reported with the single reports is that of all of them, as far as it can be.
    SELECT CASE WHEN count(*) = count(f.told_pnl) THEN sum(f.told_pnl) END,
           CASE WHEN count(DISTINCT f.settlement_rate) = 1 THEN min(f.settlement_rate) END
      INTO reported.told_pnl, reported.settlement_rate
      FROM order_fills AS f
     WHERE f.order_id = o.id AND (f.kind = 'FILL' OR f.told_pnl IS NOT NULL OR f.settlement_rate IS NOT NULL);
    IF due.told_value IS NULL THEN
        o.told_price := NULL;
    END IF;
    SELECT coalesce(sum(f.commission), 0), count(*) FILTER (WHERE f.commission IS NULL)
      INTO o.recorded_commission, o.unknown_fees
      FROM order_fills AS f
     WHERE f.order_id = o.id AND f.kind = 'FILL';
    o := store_order(o);
    nothing.status := NULL;
    nothing.filled_units := 0;
    nothing.filled_value := 0;
    nothing.commission := 0;
    PERFORM take_up(
        nothing, o, p, o.filled_at, reported.told_pnl, reported.settlement_rate, o.filled_price, own_token, NULL, NULL,
        NULL
    );
    RETURN TRUE;
END
$$;
COMMENT ON FUNCTION is_revalued IS
'Whether an order that just found its position is worth something else by that one''s contract than it seemed to be: '
'then its fills are valued again and booked as one change. Raises AT422 when the instrument has no such prices.';

CREATE FUNCTION link_order(
    wanted bigint, to_position bigint, at timestamptz, own_token uuid, session bigint DEFAULT NULL,
    internal text DEFAULT NULL, exchange text DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    o orders;
    p positions;
    r order_fills;
    plan positions;
    m booking;
BEGIN
    PERFORM permitted();
    wanted := find_order(wanted, session, internal, exchange);
    SELECT * INTO o FROM orders WHERE id = wanted FOR NO KEY UPDATE;
    p := fitting_position(to_position, o.symbol, o.side);
    IF o.position_id = to_position THEN
        RETURN o.id;
    END IF;
    IF o.position_id IS NOT NULL THEN
        -- The plan that an ENTRY order was journaled with gives way while nothing of it is filled.
        SELECT * INTO plan FROM positions WHERE id = o.position_id;
        IF plan.status <> 'PLANNED' OR o.filled_quantity > 0 THEN
            RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'position_id',
                MESSAGE = format('order %s belongs to position %s', o.id, o.position_id);
        END IF;
    END IF;
    UPDATE orders AS x
       SET position_id = to_position, last_update = greatest(x.last_update, at)
     WHERE x.id = o.id
    RETURNING * INTO o;
    IF o.filled_quantity > 0 AND is_revalued(o, own_token) THEN
        RETURN o.id;
    END IF;
    FOR r IN SELECT * FROM order_fills AS f WHERE f.order_id = o.id AND NOT f.is_booked ORDER BY f.filled_at, f.id LOOP
        SELECT * INTO p FROM positions WHERE id = to_position FOR NO KEY UPDATE;
        m := book_fill(
            p, o, r.booked_quantity, r.booked_value, r.booked_commission, r.filled_at, r.told_pnl, r.settlement_rate,
            coalesce(r.price, o.filled_price), r.id, NULL, NULL, own_token
        );
        UPDATE order_fills AS f
           SET is_booked = TRUE, position_id = m.position_id, booked_quantity = m.quantity, booked_value = m.value,
               released_cost = m.released_cost, pnl = m.pnl, unconverted_pnl = m.unconverted
         WHERE f.id = r.id;
        IF m.rest_quantity <> 0 THEN
            PERFORM book_rest(o, m, r.filled_at, r.settlement_rate);
        END IF;
    END LOOP;
    IF is_entry(o.order_type) AND m.owed_quantity > 0 THEN
        PERFORM settle_rests(m.position_id, NULL, own_token);
    END IF;
    IF own_token IS NOT NULL THEN
        PERFORM fence(o.session_id, own_token);
    END IF;
    RETURN o.id;
END
$$;
COMMENT ON FUNCTION link_order IS
'Makes an order that had no position the position''s order; what it was filled with is booked now. The order''s id. '
'Raises AT409 when it belongs to another position.';

CREATE FUNCTION unbooked_orders(session bigint) RETURNS TABLE (order_id bigint, unbooked_quantity numeric)
LANGUAGE sql STABLE AS $$
    SELECT o.id, sum(f.booked_quantity)
      FROM order_fills AS f
      JOIN orders AS o ON o.id = f.order_id
     WHERE NOT f.is_booked
       AND o.session_id = session
     GROUP BY o.id
     UNION ALL
    -- A total without any price is worth nobody knows what.
    SELECT o.id, o.told_quantity - o.recorded_quantity
      FROM orders AS o
     WHERE o.session_id = session
       AND o.told_quantity > o.recorded_quantity
       AND o.told_value IS NULL
$$;
COMMENT ON FUNCTION unbooked_orders IS
'The orders of a session that were filled with something which is in no position, and how much of it, in units of the '
'base asset: fills of an order without a position, exits beyond what was held, totals without a price.';

CREATE FUNCTION expire_stale_orders(session bigint, before timestamptz, expired_at timestamptz) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    expired integer;
BEGIN
    PERFORM permitted();
    UPDATE orders
       SET status = 'EXPIRED', cancelled_at = expired_at, last_update = greatest(last_update, expired_at),
           failure_reason = 'stale: still PENDING since ' || created_at
     WHERE session_id = session
       AND status = 'PENDING'
       AND NOT needs_review
       AND created_at < before;
    -- Counted by their time, so that a repeated request answers the same.
    SELECT count(*) INTO expired
      FROM orders
     WHERE session_id = session AND status = 'EXPIRED' AND cancelled_at = expired_at;
    RETURN expired;
END
$$;
COMMENT ON FUNCTION expire_stale_orders IS
'Expires a session''s orders that are PENDING and were journaled before a moment; how many were expired at expired_at. '
'What the exchange may know (OPEN, PARTIALLY_FILLED, UNKNOWN) is left to reconciliation.';
