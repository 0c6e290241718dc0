-- The short forms: a position opened, grown, reduced or closed in one call, by an order of its own or a journaled one.

CREATE FUNCTION known_order(own_id bigint, session bigint, internal text, exchange text, traded text) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    known bigint;
    former bigint[];
BEGIN
    IF own_id IS NOT NULL THEN
        RETURN existing_order(own_id);
    ELSIF internal IS NOT NULL THEN
        SELECT o.id INTO known
          FROM orders AS o
         WHERE o.session_id::text || ' ' || o.internal_order_id::text = session::text || ' ' || internal;
    ELSIF exchange IS NOT NULL THEN
        SELECT o.id INTO known
          FROM orders AS o
         WHERE o.session_id::text || ' ' || o.exchange_order_id::text = session::text || ' ' || exchange
           AND o.symbol = traded;
        IF NOT FOUND THEN
            former := formerly(session, exchange, traded);
            known := former[cardinality(former)];
        END IF;
    END IF;
    RETURN known;
END
$$;
COMMENT ON FUNCTION known_order IS
'The order that a short form adopts: by our id (AT404 when there is none), or by the client order id or the '
'exchange''s (also one that it had before it was amended), NULL when the session has no such order yet.';

CREATE FUNCTION refuse_other_order(adopted bigint, session bigint, traded text, direction position_side) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    o orders;
BEGIN
    SELECT * INTO o FROM orders WHERE id = adopted;
    IF o.session_id <> session THEN
        PERFORM existing_session(session);
        RAISE EXCEPTION USING ERRCODE = 'AT404', COLUMN = 'order_id',
            MESSAGE = format('session %s has no order %s', session, adopted);
    ELSIF o.symbol <> traded OR o.side <> direction THEN
        RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = 'order_id',
            MESSAGE = format(
                'order %s is of a %s position in %s, and not of a %s one in %s', adopted, o.side, o.symbol, direction,
                traded
            );
    END IF;
END
$$;
COMMENT ON FUNCTION refuse_other_order IS
'Before an order is adopted: raises AT404 when it is of another session, AT422 when its symbol or side is another.';

CREATE FUNCTION refuse_reused_request(request uuid, content_hash bigint) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM FROM orders WHERE request_id = request AND request_hash <> content_hash;
    IF FOUND THEN
        PERFORM refuse_request(request);
    END IF;
END
$$;
COMMENT ON FUNCTION refuse_reused_request IS
'Raises AT412 when the request has made an order with other content, before it adopts another.';

CREATE FUNCTION acknowledge_adopted(adopted bigint, exchange_id text, at timestamptz, own_token uuid) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF exchange_id IS NULL THEN
        RETURN;
    END IF;
    PERFORM FROM orders
      WHERE id = adopted AND (exchange_order_id = exchange_id OR former_exchange_order_ids @> ARRAY[exchange_id]);
    IF NOT FOUND THEN
        PERFORM update_order(
            adopted, NULL, NULL, exchange_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, at, own_token
        );
    END IF;
END
$$;
COMMENT ON FUNCTION acknowledge_adopted IS
'Gives an order that is adopted by another id the exchange''s id that is given with it, as an acknowledgement does.';

CREATE FUNCTION agrees(given numeric, known numeric) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(
               abs(given - known) <= greatest(
                   least(0.5 * power(10::numeric, -scale(given)), abs(known) * 0.001), abs(known) * 1e-9
               ),
               TRUE
           )
$$;
COMMENT ON FUNCTION agrees IS
'Whether a figure is the one that is known, perhaps rounded to the digits that it is given with: within half a unit of '
'its last digit and 0.1 %, or a float''s. True when either is NULL.';

CREATE FUNCTION refuse_other_figures(o orders, total numeric, average numeric, fee numeric, gain numeric) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    known_fee numeric := CASE
        WHEN o.unknown_fees = 0 AND o.recorded_quantity >= o.told_quantity THEN o.recorded_commission
        ELSE o.told_commission
    END;
    known_gain numeric;
BEGIN
    IF gain IS NOT NULL THEN
        SELECT CASE WHEN bool_and(f.is_booked AND f.unconverted_pnl IS NULL) THEN sum(f.pnl) END INTO known_gain
          FROM order_fills AS f
         WHERE f.order_id = o.id;
    END IF;
    IF total <> o.filled_quantity OR NOT (
        agrees(average, o.filled_price) AND agrees(fee, known_fee) AND agrees(gain, known_gain)
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'order_id',
            MESSAGE = concat(
                format(
                    'order %s of session %s was filled with %s @ %s', o.id, o.session_id,
                    trim_scale(o.filled_quantity), trim_scale(o.filled_price)
                ),
                ', fee ' || CASE WHEN fee IS NOT NULL THEN coalesce(trim_scale(known_fee)::text, 'not known') END,
                ', P&L ' || CASE WHEN gain IS NOT NULL THEN coalesce(trim_scale(known_gain)::text, 'not known') END,
                format(
                    ', and now %s @ %s', trim_scale(coalesce(total, o.filled_quantity)),
                    trim_scale(coalesce(average, o.filled_price))
                ),
                ', fee ' || trim_scale(fee), ', P&L ' || trim_scale(gain)
            );
    END IF;
END
$$;
COMMENT ON FUNCTION refuse_other_figures IS
'Raises AT409, with both, when a short form gives other figures than an order was filled with. What is not known of it '
'contradicts nothing.';

CREATE FUNCTION settle_in_total(
    adopted orders, total numeric, average numeric, total_commission numeric, told_pnl numeric, rate numeric,
    at timestamptz,
    own_token uuid
) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    is_settled boolean := adopted.filled_quantity > 0
    AND (
        is_final(adopted.status)
        OR coalesce(total, adopted.filled_quantity) <= adopted.filled_quantity * 1.000000000001
    );
BEGIN
    IF abs(total - adopted.filled_quantity) <= adopted.filled_quantity * 1e-12 THEN
        total := adopted.filled_quantity;
    END IF;
    IF is_settled THEN
        PERFORM refuse_other_figures(adopted, total, average, total_commission, told_pnl);
    END IF;
    IF adopted.filled_quantity = 0 OR num_nonnulls(total, average, total_commission, told_pnl, rate) > 0 THEN
        PERFORM update_order(
            adopted.id, NULL, NULL, NULL, 'FILLED', coalesce(total, nullif(adopted.filled_quantity, 0), adopted.quantity),
            CASE WHEN is_settled OR average IS NULL THEN adopted.filled_price ELSE average END, total_commission, NULL, NULL,
            NULL, NULL, told_pnl, rate, at, own_token
        );
    END IF;
END
$$;
COMMENT ON FUNCTION settle_in_total IS
'Fills a journaled order that a short form adopts: with what is given, else with what it was filled with, else as it '
'was ordered. What it was filled with is a fact: more is filled only into an order that is not final, and other '
'figures raise AT409. Single fills that reach the total take its place.';

CREATE FUNCTION refuse_other_contract(
    o orders, p positions, kind contract_type, units_per_contract numeric, asset text, settles_in text
) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    is_filled boolean := EXISTS (SELECT FROM orders AS x WHERE x.position_id = p.id AND x.filled_quantity > 0);
    base text;
BEGIN
    SELECT s.base_currency INTO base FROM trading_sessions AS s WHERE s.id = p.session_id;
    -- What is not given has its default; what is not planned can be given until something is filled.
    IF (kind <> 'LINEAR' AND kind <> p.contract)
        OR (units_per_contract <> 1 AND units_per_contract <> p.contract_size)
        OR (asset <> coalesce(p.base_asset, CASE WHEN is_filled THEN '' END))
        OR (upper(settles_in) <> upper(coalesce(p.settlement_currency, CASE WHEN is_filled THEN base END))) THEN
        RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'order_id',
            MESSAGE = format(
                'order %s was planned as %s of %s, base asset %s, settled in %s, and now it is %s of %s, base asset %s, settled '
                'in %s',
                o.id, p.contract, trim_scale(p.contract_size), coalesce(p.base_asset, 'not given'),
                coalesce(p.settlement_currency, 'the session''s currency'), kind, trim_scale(units_per_contract),
                coalesce(asset, 'not given'), coalesce(settles_in, 'the session''s currency')
            );
    END IF;
END
$$;
COMMENT ON FUNCTION refuse_other_contract IS
'Raises AT409, with both, when an entry is adopted as something else than it was planned as.';

CREATE FUNCTION open_position(
    session bigint,
    own_order bigint,
    exchange_id label,
    internal_id label,
    traded symbol,
    direction position_side,
    price signed_price,
    size_of_balance size,
    entered quantity,
    strategy label,
    at instant,
    balance amount,
    fee amount,
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
    own_token uuid,
    request uuid,
    content_hash bigint,
    flag label DEFAULT NULL,
    geared size DEFAULT NULL,
    liquidates_at price DEFAULT NULL,
    tag label DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    is_permitted CONSTANT boolean := permitted();
    adopted bigint := known_order(own_order, session, internal_id, exchange_id, traded);
    worth numeric;
    opened record;
    posted record;
    new_order bigint;
    new_fill bigint;
BEGIN
    -- What the request itself has made is no order to adopt.
    IF adopted IS NOT NULL AND NOT EXISTS (SELECT FROM orders WHERE id = adopted AND request_id = request) THEN
        PERFORM refuse_reused_request(request, content_hash);
        PERFORM refuse_other_order(adopted, session, traded, direction);
        PERFORM acknowledge_adopted(adopted, exchange_id, at, own_token);
        RETURN adopt_entry(
            adopted, price, size_of_balance, entered, strategy, at, balance, fee, stop, target, trails, confidence,
            venue,
            hold_until, end_of_day, weekend, restriction_group, kind, units_per_contract, asset, settles_in, rate,
            negative_prices, own_token, request, content_hash, geared, liquidates_at, tag
        );
    END IF;
    IF flag IS NOT NULL AND NOT EXISTS (SELECT FROM positions WHERE request_id = request) THEN
        PERFORM refuse_halted(flag), refuse_halted(flag || ':' || session);
    END IF;
    IF price IS NULL OR entered IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = CASE WHEN price IS NULL THEN 'entry_price' ELSE 'quantity' END,
            MESSAGE = 'entry_price and quantity are needed, unless a journaled order is adopted';
    END IF;
    IF least(price, stop, target) < 0 THEN
        PERFORM allowed_price(price, negative_prices, 'entry_price'), allowed_price(stop, negative_prices, 'stop_loss'),
                allowed_price(target, negative_prices, 'take_profit');
    END IF;
    IF price = 0 AND kind = 'INVERSE' THEN
        RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = 'entry_price',
            MESSAGE = 'an inverse contract has no value at a price of 0';
    END IF;
    IF settles_in IS NULL AND strpos(traded, '/') > 0 THEN
        SELECT settlement_of(NULL, traded, kind, s.base_currency) INTO settles_in
          FROM trading_sessions AS s
         WHERE s.id = session;
    END IF;
    worth := contract_value(kind, units_per_contract, entered, price);
    IF worth IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = 'entry_price',
            MESSAGE = 'an inverse contract is worth nothing that could be said at a price of 0';
    END IF;
    IF size_of_balance > 1 THEN
        PERFORM refuse_percent_of_balance(session, size_of_balance, balance, CASE WHEN settles_in IS NULL THEN worth END);
    END IF;
    fee := as_booked(fee);
    INSERT INTO positions AS p (
        session_id, symbol, side, status, contract, contract_size, base_asset, settlement_currency, settlement_rate,
        allows_negative_prices, planned_size, planned_quantity, entry_time, entry_balance, quantity, original_quantity,
        current_quantity, size, original_size, current_size, entry_notional, cost_basis, entry_price, commission,
        stop_loss, take_profit, trailing_stop, current_price, unrealized_pnl, unrealized_pnl_percent,
        strategy_name, confidence_score, exchange, leverage, liquidation_price, entry_tag, max_holding_until,
        end_of_day_exit, weekend_exit, time_restriction_group, last_update, request_id, request_hash
    ) VALUES (
        session, traded, direction, 'OPEN', kind, units_per_contract, asset, settles_in, rate,
        negative_prices, size_of_balance, entered, at, balance, entered, entered,
        entered, size_of_balance, size_of_balance, size_of_balance, worth, worth, price, coalesce(fee, 0),
        stop, target, trails, price, 0, 0, strategy, confidence, venue, geared, liquidates_at, tag, hold_until, end_of_day,
        weekend, restriction_group, at, request, content_hash
    )
    ON CONFLICT (request_id) DO UPDATE
       SET request_id = CASE p.request_hash
               WHEN excluded.request_hash THEN excluded.request_id
               ELSE refuse_request(excluded.request_id)
           END
    RETURNING p.id, p.xmax = 0 AS is_new INTO opened;
    IF NOT opened.is_new THEN
        RETURN opened.id;
    END IF;
    INSERT INTO orders (
        session_id, position_id, order_type, status, symbol, side, quantity, price, told_quantity, told_price,
        told_value, told_commission, filled_quantity, filled_price, filled_units, filled_value, commission,
        exchange_order_id, internal_order_id, strategy_name, size_fraction, created_at,
        filled_at, last_update, request_id, request_hash
    ) VALUES (
        session, opened.id, 'ENTRY', 'FILLED', traded, direction, entered, price, entered, price,
        worth, fee, entered, price, entered, worth, coalesce(fee, 0), exchange_id, internal_id, strategy, 1, at,
        at, at, request, content_hash
    ) RETURNING id INTO new_order;
    INSERT INTO order_fills AS f (
        order_id, kind, filled_at, position_id, is_booked, booked_quantity, booked_value, booked_commission
    ) VALUES (
        new_order, 'CHANGE', at, opened.id, TRUE, entered, worth, coalesce(fee, 0)
    ) RETURNING f.id INTO new_fill;
    IF fee <> 0 THEN
        posted := post_entry(
            session, 'FILL', 0, fee, 0, 'entry', 'engine', at, opened.id, new_fill, NULL, content_hash, own_token, FALSE
        );
    ELSE
        session := active_session(session);
        IF own_token IS NOT NULL THEN
            PERFORM fence(session, own_token);
        END IF;
    END IF;
    RETURN opened.id;
END
$$;
COMMENT ON FUNCTION open_position IS
'Opens a position together with its FILLED ENTRY order; with the id of a journaled order it adopts that one. Its id. '
'Raises AT451 when the control flag is active and the order is not journaled.';

CREATE FUNCTION adopt_entry(
    adopted bigint,
    price numeric,
    size_of_balance numeric,
    entered numeric,
    strategy text,
    at timestamptz,
    balance numeric,
    fee numeric,
    stop numeric,
    target numeric,
    trails boolean,
    confidence numeric,
    venue text,
    hold_until timestamptz,
    end_of_day boolean,
    weekend boolean,
    restriction_group text,
    kind contract_type,
    units_per_contract numeric,
    asset text,
    settles_in text,
    rate numeric,
    negative_prices boolean,
    own_token uuid,
    request uuid,
    content_hash bigint,
    geared numeric DEFAULT NULL,
    liquidates_at numeric DEFAULT NULL,
    tag text DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    o orders;
    opened positions;
BEGIN
    SELECT * INTO o FROM orders WHERE id = adopted FOR NO KEY UPDATE;
    IF NOT is_entry(o.order_type) THEN
        RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'order_id',
            MESSAGE = format('order %s is a %s: it opens no position', o.id, o.order_type);
    END IF;
    IF o.position_id IS NULL THEN
        PERFORM active_session(o.session_id);
        PERFORM link_order(
            o.id,
            plan_position(
                o.session_id, o.symbol, o.side, o.quantity, strategy, size_of_balance, balance, stop, target, trails,
                confidence, venue, hold_until, end_of_day, weekend, restriction_group, kind, units_per_contract, asset,
                settles_in, rate, negative_prices,
                CASE WHEN settles_in IS NULL THEN nullif(o.filled_value, 0) END, at, request, content_hash, geared,
                liquidates_at, tag
            ),
            at, own_token
        );
        SELECT * INTO o FROM orders WHERE id = adopted;
    ELSE
        SELECT * INTO opened FROM positions WHERE id = o.position_id FOR NO KEY UPDATE;
        PERFORM refuse_other_contract(o, opened, kind, units_per_contract, asset, settles_in);
        UPDATE positions AS p
           SET base_asset = coalesce(p.base_asset, asset),
               settlement_currency = coalesce(p.settlement_currency, settles_in),
               settlement_rate = coalesce(p.settlement_rate, rate),
               allows_negative_prices = negative_prices OR p.allows_negative_prices
         WHERE p.id = o.position_id AND num_nonnulls(asset, settles_in, rate, nullif(negative_prices, FALSE)) > 0;
    END IF;
    PERFORM settle_in_total(o, entered, price, fee, NULL, rate, at, own_token);
    -- The plan is as it was given last; what is not given here stays as it was journaled.
    UPDATE positions AS p
       SET planned_size = coalesce(size_of_balance, p.planned_size),
           planned_quantity = CASE
               WHEN size_of_balance IS NULL OR p.original_quantity = 0 THEN p.planned_quantity
               ELSE p.original_quantity
           END,
           entry_balance = coalesce(balance, p.entry_balance),
           stop_loss = coalesce(stop, p.stop_loss),
           take_profit = coalesce(target, p.take_profit),
           trailing_stop = trails OR p.trailing_stop,
           strategy_name = coalesce(strategy, p.strategy_name),
           confidence_score = coalesce(confidence, p.confidence_score),
           exchange = coalesce(venue, p.exchange),
           max_holding_until = coalesce(hold_until, p.max_holding_until),
           end_of_day_exit = end_of_day OR p.end_of_day_exit,
           weekend_exit = weekend OR p.weekend_exit,
           time_restriction_group = coalesce(restriction_group, p.time_restriction_group),
           leverage = coalesce(geared, p.leverage),
           liquidation_price = coalesce(liquidates_at, p.liquidation_price),
           entry_tag = coalesce(tag, p.entry_tag)
     WHERE p.id = o.position_id
    RETURNING * INTO opened;
    UPDATE positions AS p
       SET size = size_of(p, p.quantity), original_size = size_of(p, p.original_quantity),
           current_size = size_of(p, p.current_quantity)
     WHERE p.id = opened.id AND p.planned_size IS NOT NULL;
    IF size_of_balance > 1 THEN
        PERFORM refuse_percent_of_balance(
            opened.session_id, size_of_balance, balance,
            CASE WHEN opened.settlement_currency IS NULL THEN opened.entry_notional END
        );
    END IF;
    IF opened.status = 'PLANNED' THEN
        RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = 'entry_price',
            MESSAGE = format('order %s has no price and was filled at none: entry_price is needed', o.id);
    END IF;
    RETURN opened.id;
END
$$;
COMMENT ON FUNCTION adopt_entry IS
'Opens a position with the entry order that was journaled for it: its fills, average price, fees and times, unless '
'given. The same again changes nothing. The position''s id.';

CREATE FUNCTION fraction_of(p positions, size numeric, held numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF size IS NULL THEN
        RETURN NULL;
    ELSIF p.original_quantity <= 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = 'size',
            MESSAGE = format('nothing of position %s was entered by an entry order: give quantity instead of size', p.id);
    END IF;
    RETURN quantity_of(size, p.original_quantity, held);
END
$$;
COMMENT ON FUNCTION fraction_of IS
'The quantity that a fraction of a position''s original quantity means, as quantity_of says; NULL without a size. '
'Raises AT422 where there is no original quantity.';

CREATE FUNCTION refuse_percent(size numeric, named text) RETURNS void
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF size > 10 THEN
        RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = named,
            MESSAGE = format(
                '%s %s would be %s times the original quantity: size is a fraction (0.5 is half)', named, trim_scale(size),
                trim_scale(size)
            );
    END IF;
END
$$;
COMMENT ON FUNCTION refuse_percent IS
'Raises AT422 for a fraction of the original quantity that must be meant as percent: above 10. NULL is none.';

CREATE FUNCTION leaving_quantity(p positions, size numeric, amount numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    leaving numeric := coalesce(amount, fraction_of(p, size, p.current_quantity), p.current_quantity);
BEGIN
    IF num_nonnulls(size, amount) = 2 THEN
        RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = 'size', MESSAGE = 'give size or quantity, not both';
    ELSIF abs(leaving - p.current_quantity) <= p.quantity * 1e-12 THEN
        RETURN p.current_quantity;
    ELSIF leaving > p.current_quantity THEN
        RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = CASE WHEN amount IS NULL THEN 'size' ELSE 'quantity' END,
            MESSAGE = CASE
                WHEN amount IS NULL THEN format(
                    'position %s has %s of its original size left: %s of it cannot be exited (size is a fraction: 0.5 is half)',
                    p.id, trim_scale(round(p.current_quantity / p.original_quantity, 12)), trim_scale(size)
                )
                ELSE format('position %s holds %s: %s cannot be exited', p.id, p.current_quantity, trim_scale(amount))
            END;
    END IF;
    RETURN leaving;
END
$$;
COMMENT ON FUNCTION leaving_quantity IS
'What an exit takes out of a position: the quantity, or the fraction of the original quantity, or all that is left; '
'all, too, where the two meet within 1e-12 of what was entered, as sums of floats do. Raises AT422 when the position '
'holds less.';

CREATE FUNCTION move_position(
    wanted bigint,
    kind order_type,
    own_order bigint,
    exchange_id label,
    internal_id label,
    size size,
    amount quantity,
    price signed_price,
    told_pnl amount,
    rate quantity,
    fee amount,
    interest amount,
    target integer,
    why label,
    at instant,
    own_token uuid,
    request uuid,
    content_hash bigint,
    flag label DEFAULT NULL
) RETURNS booking
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    is_permitted CONSTANT boolean := permitted();
    p positions;
    o orders;
    adopted bigint;
    new_fill bigint;
    moved numeric;
    worth numeric;
    m booking;
BEGIN
    fee := as_booked(fee);
    interest := as_booked(interest);
    told_pnl := as_booked(told_pnl);
    IF num_nonnulls(own_order, internal_id, exchange_id) > 0 THEN
        SELECT * INTO p FROM positions WHERE id = wanted;
        IF NOT FOUND THEN
            PERFORM existing_position(wanted);
        END IF;
        adopted := known_order(own_order, p.session_id, internal_id, exchange_id, p.symbol);
        IF adopted IS NOT NULL AND NOT EXISTS (SELECT FROM orders WHERE id = adopted AND request_id = request) THEN
            PERFORM refuse_reused_request(request, content_hash);
            PERFORM acknowledge_adopted(adopted, exchange_id, at, own_token);
            RETURN adopt_order(
                adopted, p, kind, size, amount, price, told_pnl, rate, fee, interest, target, why, at, own_token, request,
                content_hash
            );
        END IF;
    END IF;
    -- Its order does not exist yet, so nobody can hold it: position, then session, is the same order of locks.
    PERFORM FROM positions WHERE id = wanted FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM existing_position(wanted);
    END IF;
    SELECT * INTO p FROM positions WHERE id = wanted;
    PERFORM FROM orders WHERE request_id = request;
    IF FOUND THEN
        SELECT * INTO o FROM orders WHERE request_id = request;
        IF o.request_hash <> content_hash THEN
            PERFORM refuse_request(request);
        END IF;
        RETURN moved_by(o);
    END IF;
    IF flag IS NOT NULL THEN
        PERFORM refuse_halted(flag), refuse_halted(flag || ':' || p.session_id);
    END IF;
    IF p.status <> 'OPEN' THEN
        PERFORM refuse_position(wanted);
    END IF;
    -- An assignment costs less than a PERFORM, here and below.
    o.session_id := active_session(p.session_id);
    IF price IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = 'price',
            MESSAGE = 'a price is needed, unless a journaled order is adopted';
    ELSIF price < 0 AND NOT p.allows_negative_prices OR (price = 0 AND p.contract = 'INVERSE') THEN
        RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = 'price',
            MESSAGE = format('position %s cannot be traded at %s: its instrument has no such price', wanted, price);
    END IF;
    IF kind = 'SCALE_IN' THEN
        IF num_nonnulls(size, amount) <> 1 THEN
            RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = 'size', MESSAGE = 'give size or quantity, one of them';
        END IF;
        PERFORM refuse_percent(size, 'size');
        moved := coalesce(amount, fraction_of(p, size, 0));
    ELSIF num_nonnulls(size, amount) = 0 THEN
        moved := p.current_quantity;
    ELSE
        moved := leaving_quantity(p, size, amount);
    END IF;
    worth := contract_value(p.contract, p.contract_size, moved, price);
    IF interest <> 0 THEN
        UPDATE positions AS x
           SET margin_interest_cost = x.margin_interest_cost + interest
         WHERE x.id = wanted
        RETURNING * INTO p;
        PERFORM post_entry(
            p.session_id, 'INTEREST', 0, 0, -interest, 'margin interest', 'engine', at, p.id, NULL, NULL, content_hash,
            NULL, FALSE
        );
    END IF;
    INSERT INTO orders (
        session_id, position_id, order_type, status, symbol, side, quantity, price, told_quantity, told_price,
        told_value, told_commission, filled_quantity, filled_price, filled_units, filled_value, commission,
        exchange_order_id, internal_order_id, strategy_name, target_level, size_fraction, reason, created_at, filled_at,
        last_update, request_id, request_hash
    ) VALUES (
        p.session_id, wanted, kind, 'FILLED', p.symbol, p.side, moved, price, moved, price,
        worth, fee, moved, price, moved, worth, coalesce(fee, 0),
        exchange_id, internal_id, p.strategy_name, target, size, why, at, at, at, request, content_hash
    ) RETURNING id INTO o.id;
    -- What book_fill reads of it: cheaper than all of its columns back.
    o.position_id := wanted;
    o.order_type := kind;
    o.filled_price := price;
    o.exchange_order_id := exchange_id;
    o.target_level := target;
    o.reason := why;
    o.request_id := request;
    o.request_hash := content_hash;
    new_fill := nextval('order_fills_id_seq');
    m := book_fill(
        p, o, moved, worth, coalesce(fee, 0), at, told_pnl, rate, price, new_fill, request, content_hash, own_token
    );
    IF m.unconverted <> 0 THEN
        PERFORM known_rate(p, rate);
    END IF;
    INSERT INTO order_fills (
        id, order_id, kind, filled_at, position_id, is_booked, booked_quantity, booked_value, booked_commission,
        released_cost, pnl
    ) VALUES (
        new_fill, o.id, 'CHANGE', at, m.position_id, TRUE, m.quantity, m.value, coalesce(fee, 0), m.released_cost, m.pnl
    );
    IF kind = 'SCALE_IN' AND m.owed_quantity > 0 THEN
        PERFORM settle_rests(wanted, rate, own_token);
    END IF;
    RETURN m;
END
$$;
COMMENT ON FUNCTION move_position IS
'Grows, reduces or closes an open position together with its FILLED order; with the id of a journaled order it adopts '
'that one. What it moved. Raises AT451 when the control flag is active and the order is not journaled.';

CREATE FUNCTION moved_by(done orders) RETURNS booking
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    m booking;
BEGIN
    m.position_id := done.position_id;
    SELECT t.id INTO m.partial_trade_id FROM partial_trades AS t WHERE t.order_id = done.id ORDER BY t.id LIMIT 1;
    SELECT t.id INTO m.trade_id FROM trades AS t WHERE t.position_id = done.position_id;
    RETURN m;
END
$$;
COMMENT ON FUNCTION moved_by IS
'What an order that was booked before has made: its partial trade, its position''s trade.';

CREATE FUNCTION adopt_order(
    adopted bigint,
    p positions,
    kind order_type,
    size numeric,
    amount numeric,
    price numeric,
    told_pnl numeric,
    rate numeric,
    fee numeric,
    interest numeric,
    target integer,
    why text,
    at timestamptz,
    own_token uuid,
    request uuid,
    content_hash bigint
) RETURNS booking
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    o orders;
    held positions;
    total numeric := amount;
    m booking;
BEGIN
    SELECT * INTO o FROM orders WHERE id = adopted FOR NO KEY UPDATE;
    IF is_entry(o.order_type) <> is_entry(kind) THEN
        RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'order_id',
            MESSAGE = format('order %s is a %s', o.id, o.order_type);
    END IF;
    IF o.position_id IS NULL THEN
        PERFORM link_order(o.id, p.id, at, own_token);
    ELSIF o.position_id <> p.id THEN
        RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'order_id',
            MESSAGE = format('order %s belongs to position %s', o.id, o.position_id);
    END IF;
    IF why IS NOT NULL AND o.reason IS NULL THEN
        UPDATE orders SET reason = why WHERE id = o.id;
    END IF;
    IF target <> o.target_level THEN
        RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'order_id',
            MESSAGE = format('order %s is of target level %s, and now %s', o.id, o.target_level, target);
    ELSIF target IS NOT NULL AND o.target_level IS NULL THEN
        UPDATE orders SET target_level = target WHERE id = o.id;
        UPDATE partial_trades AS t SET target_level = target WHERE t.order_id = o.id;
    END IF;
    SELECT * INTO o FROM orders WHERE id = adopted;
    SELECT * INTO held FROM positions WHERE id = p.id FOR NO KEY UPDATE;
    IF interest <> 0 AND held.status = 'OPEN' THEN
        UPDATE positions AS x SET margin_interest_cost = x.margin_interest_cost + interest WHERE x.id = p.id;
        PERFORM post_entry(
            p.session_id, 'INTEREST', 0, 0, -interest, 'margin interest', 'engine', at, p.id, NULL, request, content_hash,
            NULL, TRUE
        );
    END IF;
    IF num_nonnulls(size, amount) = 2 THEN
        RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = 'size', MESSAGE = 'give size or quantity, not both';
    ELSIF size IS NOT NULL THEN
        IF is_entry(kind) THEN
            PERFORM refuse_percent(size, 'size');
        END IF;
        total := CASE
            WHEN o.filled_quantity > 0 OR is_entry(kind) THEN fraction_of(held, size, o.filled_quantity)
            ELSE leaving_quantity(held, size, NULL)
        END;
    END IF;
    IF o.filled_quantity = 0 AND NOT is_entry(kind)
        AND abs(coalesce(total, o.quantity) - held.current_quantity) <= held.quantity * 1e-12 THEN
        total := held.current_quantity;
    END IF;
    PERFORM settle_in_total(o, total, price, fee, told_pnl, rate, at, own_token);
    m := moved_by(o);
    IF kind IN ('FULL_EXIT', 'STOP_LOSS') AND m.trade_id IS NULL THEN
        SELECT * INTO held FROM positions WHERE id = p.id;
        RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = 'order_id',
            MESSAGE = format('position %s holds %s more than order %s was filled with', p.id, held.current_quantity, o.id);
    END IF;
    RETURN m;
END
$$;
COMMENT ON FUNCTION adopt_order IS
'Moves a position by an order that was journaled for it: its fills, average price, fees and times, unless given. The '
'same again changes nothing. What it moved.';
