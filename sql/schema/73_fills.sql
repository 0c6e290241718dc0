-- How fills become positions. Locks are taken in one order everywhere: order, position and the one that continues it,
-- session. Every command is one VOLATILE function: each of its statements sees what was committed while it waited.

CREATE TYPE booking AS (
    position_id bigint,
    quantity numeric,
    value numeric,
    released_cost numeric,
    pnl numeric,
    rest_quantity numeric,
    rest_value numeric,
    owed_quantity numeric,
    trade_id bigint,
    partial_trade_id bigint,
    unconverted numeric
);
COMMENT ON TYPE booking IS
'What a fill moved: the position that took it up, quantity and value, the cost that an exit released and the P&L; the '
'rest that could not be taken up; what the position still owes to exits that came before; the trade that it completed '
'and the partial trade that it belongs to; P&L in settlement currency for which no rate is known.';

CREATE FUNCTION record_partial_trade(
    p positions, filled orders, moved booking, at timestamptz, OUT id bigint, OUT is_new boolean
)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    original numeric := CASE WHEN p.original_quantity > 0 THEN p.original_quantity END;
BEGIN
    IF moved.quantity <> 0 OR (moved.pnl <> 0 AND filled.order_type = 'PARTIAL_EXIT') THEN
        INSERT INTO partial_trades AS t (
            position_id, order_id, operation_type, size, quantity, price, pnl, target_level, timestamp, request_id,
            request_hash
        ) VALUES (
            p.id, filled.id, filled.order_type::text::partial_operation_type,
            coalesce(fraction(moved.quantity, original), 1), moved.quantity, filled.filled_price,
            CASE filled.order_type WHEN 'PARTIAL_EXIT' THEN moved.pnl END, filled.target_level, at,
            CASE WHEN p.id = filled.position_id THEN filled.request_id ELSE gen_random_uuid() END, filled.request_hash
        )
        ON CONFLICT (order_id, position_id) DO UPDATE
           SET size = coalesce(fraction(t.quantity + excluded.quantity, original), 1),
               quantity = t.quantity + excluded.quantity,
               price = excluded.price,
               pnl = t.pnl + excluded.pnl,
               timestamp = greatest(t.timestamp, excluded.timestamp)
        RETURNING t.id, t.xmax = 0 INTO record_partial_trade.id, is_new;
    ELSE
        UPDATE partial_trades AS t
           SET price = coalesce(filled.filled_price, t.price), pnl = t.pnl + moved.pnl
         WHERE t.order_id = filled.id AND t.position_id = p.id
        RETURNING t.id, FALSE INTO record_partial_trade.id, is_new;
    END IF;
END
$$;
COMMENT ON FUNCTION record_partial_trade IS
'Adds what a fill moved to the partial trade of its order, which is one row however many fills the order takes; its '
'id, and whether this fill was the first.';

CREATE FUNCTION completed_trade(p positions, filled orders, request uuid, content_hash bigint) RETURNS trades
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    t trades;
BEGIN
    INSERT INTO trades (
        session_id, position_id, symbol, side, source, entry_price, exit_price, size, quantity, entry_time, exit_time,
        pnl, pnl_percent, commission, margin_interest_cost, funding, stop_loss, take_profit, exit_reason,
        strategy_name, confidence_score, order_id, exchange, timeframe,
        mfe, mfe_price, mfe_time, mae, mae_price, mae_time, leverage, entry_tag, request_id, request_hash
    )
    SELECT p.session_id, p.id, p.symbol, p.side, s.mode, coalesce(p.entry_price, 0), coalesce(p.exit_price, 0), p.size,
           p.quantity, p.entry_time, p.exit_time, p.realized_pnl,
           coalesce(round(p.realized_pnl / nullif(abs(p.entry_notional), 0) * 100, 12), 0),
           p.commission, p.margin_interest_cost, p.funding, p.stop_loss, p.take_profit, p.exit_reason,
           p.strategy_name, p.confidence_score, filled.exchange_order_id, p.exchange, s.timeframe,
           p.mfe, p.mfe_price, p.mfe_time, p.mae, p.mae_price, p.mae_time, p.leverage, p.entry_tag,
           request, content_hash
      FROM trading_sessions AS s
     WHERE s.id = p.session_id
    RETURNING * INTO t;
    RETURN t;
END
$$;
COMMENT ON FUNCTION completed_trade IS 'Writes the trade of a position that was just closed; the trade.';

CREATE FUNCTION revise_trade(p positions) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE trades AS t
       SET entry_price = coalesce(p.entry_price, 0), exit_price = coalesce(p.exit_price, 0), quantity = p.quantity,
           size = p.size, pnl = p.realized_pnl,
           pnl_percent = coalesce(round(p.realized_pnl / nullif(abs(p.entry_notional), 0) * 100, 12), 0),
           commission = p.commission, margin_interest_cost = p.margin_interest_cost, funding = p.funding
     WHERE t.position_id = p.id;
    PERFORM rebuild_metrics(p.session_id);
    PERFORM renew_final_figures(p.session_id);
END
$$;
COMMENT ON FUNCTION revise_trade IS
'Carries what came after a position was closed (a fee, funding, a corrected price) into its trade and the metrics, '
'which are computed again from all trades of the session.';

CREATE FUNCTION rate_of(p positions, rate numeric) RETURNS numeric
LANGUAGE plpgsql STABLE AS $$
DECLARE
    base text;
BEGIN
    IF p.settlement_currency IS NULL THEN
        RETURN 1;
    END IF;
    SELECT s.base_currency INTO base FROM trading_sessions AS s WHERE s.id = p.session_id;
    RETURN CASE WHEN upper(p.settlement_currency) = upper(base) THEN 1 ELSE coalesce(rate, p.settlement_rate) END;
END
$$;
COMMENT ON FUNCTION rate_of IS
'The value of one unit of a position''s settlement currency in the session''s base currency: 1 where they are the same '
'or no settlement currency is known, else the given rate or the position''s; NULL when none is known.';

CREATE FUNCTION known_rate(p positions, rate numeric) RETURNS numeric
LANGUAGE plpgsql STABLE AS $$
DECLARE
    known numeric := rate_of(p, rate);
BEGIN
    IF known IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = 'settlement_rate',
            MESSAGE = (
                SELECT format(
                           'position %s settles in %s and the session''s books are in %s: give settlement_rate or pnl',
                           p.id, p.settlement_currency, s.base_currency
                       )
                  FROM trading_sessions AS s
                 WHERE s.id = p.session_id
            );
    END IF;
    RETURN known;
END
$$;
COMMENT ON FUNCTION known_rate IS 'As rate_of, but raises AT422 when no rate is known.';

CREATE FUNCTION book_fill(
    p positions,
    filled orders,
    moved numeric,
    worth numeric,
    fee numeric,
    at timestamptz,
    told_pnl numeric,
    rate numeric,
    fill_price numeric,
    fill bigint,
    request uuid,
    content_hash bigint,
    own_token uuid
) RETURNS booking
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    entering boolean := filled.order_type IN ('ENTRY', 'SCALE_IN');
    direction integer := CASE WHEN (p.side = 'LONG') = (p.contract = 'LINEAR') THEN 1 ELSE -1 END;
    status_before position_status;
    is_first boolean := FALSE;
    t trades;
    m booking;
    part record;
    posted record;
    from_prices numeric;
    marked numeric;
    trade_request uuid;
BEGIN
    IF p.status = 'CLOSED' AND moved <> 0 THEN
        p := continuing_position(p, entering AND moved > 0, at);
    END IF;
    IF fill_price = 0 AND moved > 0 AND NOT p.allows_negative_prices THEN
        PERFORM warn(
            p.session_id, at, format('Order %s was filled with %s at a price of 0', filled.id, moved),
            jsonb_build_object('order_id', filled.id, 'position_id', p.id, 'quantity', moved::text)
        );
    END IF;
    status_before := p.status;
    m.position_id := p.id;
    m.quantity := moved;
    m.value := worth;
    m.rest_quantity := 0;
    IF entering THEN
        IF moved < -p.current_quantity THEN
            m.quantity := -p.current_quantity;
            m.rest_quantity := moved - m.quantity;
            m.rest_value := 0;
        END IF;
        p.quantity := p.quantity + m.quantity;
        p.current_quantity := p.current_quantity + m.quantity;
        p.entry_notional := p.entry_notional + m.value;
        IF m.quantity <> 0 AND p.current_quantity > 0 THEN
            m.released_cost := 0;
        ELSE
            -- A corrected price reaches what is still held; the share of what has left is P&L.
            m.released_cost := m.value + CASE p.current_quantity
                WHEN 0 THEN p.cost_basis
                ELSE -share_of(m.value, p.current_quantity, p.quantity)
            END;
        END IF;
        p.cost_basis := trim_scale(p.cost_basis + m.value - m.released_cost);
        from_prices := direction * -m.released_cost;
        IF filled.order_type = 'ENTRY' THEN
            p.original_quantity := p.original_quantity + m.quantity;
        END IF;
        IF m.quantity <> 0 THEN
            IF p.status = 'PLANNED' THEN
                -- Fees in the base asset can have taken all of what was entered before: it was entered all the same.
                SELECT least(at, min(f.filled_at::timestamptz)) INTO p.entry_time
                  FROM order_fills AS f
                 WHERE f.position_id = p.id AND f.is_booked AND f.booked_quantity <> 0;
            ELSE
                p.entry_time := least(p.entry_time, at);
            END IF;
        END IF;
    ELSE
        IF moved > p.current_quantity THEN
            m.quantity := p.current_quantity;
            m.value := CASE m.quantity WHEN 0 THEN 0 ELSE share_of(worth, m.quantity, moved) END;
            m.rest_quantity := moved - m.quantity;
            m.rest_value := worth - m.value;
        ELSIF moved < 0 THEN
            -- Less was exited than was reported before: an OPEN position takes the units back, a CLOSED one their value.
            m.quantity := CASE p.status WHEN 'CLOSED' THEN 0 ELSE greatest(moved, -p.exited_quantity) END;
            m.rest_quantity := moved - m.quantity;
            m.rest_value := 0;
        END IF;
        m.released_cost := CASE m.quantity
            WHEN 0 THEN 0
            WHEN p.current_quantity THEN p.cost_basis
            ELSE share_of(p.cost_basis, m.quantity, p.current_quantity)
        END;
        p.exited_quantity := p.exited_quantity + m.quantity;
        p.current_quantity := p.current_quantity - m.quantity;
        p.exit_notional := p.exit_notional + m.value;
        p.cost_basis := trim_scale(p.cost_basis - m.released_cost);
        from_prices := direction * (m.value - m.released_cost);
        IF m.quantity > 0 THEN
            p.last_exit_time := greatest(p.last_exit_time, at);
        END IF;
    END IF;
    m.pnl := CASE
        -- Only with what it is the P&L of: not again with a late fee, nor before a price or a position is there.
        WHEN told_pnl IS NOT NULL AND (m.quantity <> 0 OR (moved = 0 AND worth <> 0)) THEN told_pnl
        WHEN from_prices = 0 OR p.settlement_currency IS NULL THEN from_prices
        ELSE trim_scale(round(from_prices * rate_of(p, rate), 18))
    END;
    IF m.pnl IS NULL THEN
        m.unconverted := from_prices;
        m.pnl := 0;
        PERFORM warn(
            p.session_id, at,
            format(
                'Order %s earned %s %s with position %s, and no rate is known: it is not in the P&L', filled.id,
                from_prices, p.settlement_currency, p.id
            ),
            jsonb_build_object('order_id', filled.id, 'position_id', p.id, 'unconverted_pnl', from_prices::text)
        );
    END IF;
    IF m.pnl <> 0 OR from_prices <> 0 THEN
        p.realized_pnl := trim_scale(p.realized_pnl + m.pnl);
        p.pnl_correction := trim_scale(p.pnl_correction + m.pnl - from_prices);
    END IF;
    IF fee <> 0 THEN
        p.commission := p.commission + fee;
    END IF;
    IF m.rest_quantity <> 0 THEN
        p.unbooked_quantity := p.unbooked_quantity + abs(m.rest_quantity);
    END IF;
    p.current_price := coalesce(fill_price, p.current_price);
    p.last_update := greatest(p.last_update, at);
    IF filled.order_type IN ('PARTIAL_EXIT', 'SCALE_IN') THEN
        part := record_partial_trade(p, filled, m, at);
        m.partial_trade_id := part.id;
        is_first := part.is_new;
        IF filled.order_type = 'SCALE_IN' THEN
            p.scale_ins_taken := p.scale_ins_taken + coalesce(is_first, FALSE)::integer;
            p.last_scale_in_price := coalesce(fill_price, p.last_scale_in_price);
        ELSE
            p.partial_exits_taken := p.partial_exits_taken + coalesce(is_first, FALSE)::integer;
            p.last_partial_exit_price := coalesce(fill_price, p.last_partial_exit_price);
        END IF;
    END IF;
    IF p.current_quantity > 0 THEN
        p.status := 'OPEN';
        p.entry_price := average_price(p.contract, p.contract_size, p.current_quantity, p.cost_basis);
        marked := direction * (contract_value(p.contract, p.contract_size, p.current_quantity, p.current_price) - p.cost_basis);
        p.unrealized_pnl := CASE
            WHEN p.settlement_currency IS NULL THEN marked
            ELSE trim_scale(round(marked * rate_of(p, NULL), 18))
        END;
        p.unrealized_pnl_percent := trim_scale(round(marked / nullif(abs(p.cost_basis), 0) * 100, 12));
    ELSIF p.quantity > 0 THEN
        IF p.status <> 'CLOSED' THEN
            -- Clocks differ: an exit before its entry is a close, and the position was held for no time.
            p.exit_time := greatest(p.entry_time, p.last_exit_time, at);
            p.exit_reason := coalesce(filled.reason, lower(filled.order_type::text));
        END IF;
        p.status := 'CLOSED';
        p.entry_price := average_price(p.contract, p.contract_size, p.quantity, p.entry_notional);
        p.exit_price := average_price(p.contract, p.contract_size, p.exited_quantity, p.exit_notional);
        p.unrealized_pnl := 0;
        p.unrealized_pnl_percent := 0;
    ELSE
        p.status := 'PLANNED';
    END IF;
    IF p.planned_size IS NOT NULL THEN
        -- As size_of has it, which would take all of p each time.
        IF entering THEN
            p.size := trim_scale(round(p.planned_size * p.quantity / p.planned_quantity, 18));
            p.original_size := trim_scale(round(p.planned_size * p.original_quantity / p.planned_quantity, 18));
        END IF;
        p.current_size := trim_scale(round(p.planned_size * p.current_quantity / p.planned_quantity, 18));
    END IF;
    UPDATE positions AS x
       SET status = p.status, quantity = p.quantity, original_quantity = p.original_quantity,
           exited_quantity = p.exited_quantity, current_quantity = p.current_quantity,
           unbooked_quantity = p.unbooked_quantity, entry_notional = p.entry_notional,
           exit_notional = p.exit_notional, cost_basis = p.cost_basis, entry_price = p.entry_price,
           exit_price = p.exit_price, size = p.size, original_size = p.original_size, current_size = p.current_size,
           realized_pnl = p.realized_pnl, pnl_correction = p.pnl_correction, commission = p.commission,
           entry_time = p.entry_time, last_exit_time = p.last_exit_time, exit_time = p.exit_time,
           exit_reason = p.exit_reason, partial_exits_taken = p.partial_exits_taken,
           scale_ins_taken = p.scale_ins_taken, last_partial_exit_price = p.last_partial_exit_price,
           last_scale_in_price = p.last_scale_in_price, current_price = p.current_price,
           unrealized_pnl = p.unrealized_pnl, unrealized_pnl_percent = p.unrealized_pnl_percent,
           last_update = p.last_update
     WHERE x.id = p.id;
    m.owed_quantity := p.unbooked_quantity;
    IF m.rest_quantity <> 0 THEN
        PERFORM warn(
            p.session_id, at,
            format('Order %s moved %s more than position %s can take: it is not booked', filled.id, abs(m.rest_quantity), p.id),
            jsonb_build_object('order_id', filled.id, 'position_id', p.id, 'rest_quantity', m.rest_quantity::text)
        );
    END IF;

    IF p.status = 'CLOSED' AND status_before = 'OPEN' THEN
        trade_request := coalesce(request, gen_random_uuid());
        posted := post_entry(
            p.session_id, 'FILL', m.pnl, fee, 0, p.exit_reason, 'engine', at, p.id, fill, trade_request, content_hash,
            own_token, TRUE
        );
        t := completed_trade(p, filled, trade_request, coalesce(content_hash, 0));
        PERFORM count_trade(t, posted.balance);
        m.trade_id := t.id;
        IF posted.has_ended THEN
            PERFORM renew_final_figures(p.session_id);
        END IF;
    ELSIF m.pnl <> 0 OR fee <> 0 THEN
        posted := post_entry(
            p.session_id, 'FILL', m.pnl, fee, 0, lower(filled.order_type::text), 'engine', at, p.id, fill, request,
            content_hash, own_token, TRUE
        );
    ELSIF own_token IS NOT NULL THEN
        PERFORM fence(p.session_id, own_token);
    END IF;
    IF p.status = 'CLOSED' AND status_before = 'CLOSED' THEN
        PERFORM revise_trade(p);
    END IF;
    RETURN m;
END
$$;
COMMENT ON FUNCTION book_fill IS
'The heart: a position takes up what an order was filled with. Of an entry it grows; of an exit it gives up the share '
'of its cost, and the last exit releases what is left, so that the sum of the P&L is exact. A quantity of 0 with a '
'value is a corrected price. What a CLOSED position cannot take goes to the one that continues it: CLOSED stays final. '
'Beyond what is held an exit leaves a rest. P&L in another currency whose rate is not known is left out, and kept with '
'the fill until it is. Values are rounded to 18 digits where they are made, and then only added. '
'Ledger, trade and metrics follow. Order and position are locked by the caller.';

CREATE FUNCTION size_of(p positions, part numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN trim_scale(round(p.planned_size * part / p.planned_quantity, 18));
END
$$;
COMMENT ON FUNCTION size_of IS
'A quantity of a position as a fraction of the balance at entry, rounded to 18 digits: as its plan has it; NULL '
'without.';

CREATE FUNCTION unrealized(p positions, held numeric, cost numeric, price numeric) RETURNS numeric
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE
        WHEN held <= 0 THEN 0
        ELSE trim_scale(round(
            value_direction(p.side, p.contract) * (contract_value(p.contract, p.contract_size, held, price) - cost)
            * rate_of(p, NULL),
            18
        ))
    END;
END
$$;
COMMENT ON FUNCTION unrealized IS
'What a position''s open quantity would earn at a price, in the session''s base currency; 0 when nothing is held, NULL '
'without a price, or without a rate from another settlement currency.';

CREATE FUNCTION unrealized_percent(p positions, held numeric, cost numeric, price numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN CASE
        WHEN held <= 0 THEN 0
        ELSE trim_scale(round(
            value_direction(p.side, p.contract) * (contract_value(p.contract, p.contract_size, held, price) - cost)
            / nullif(abs(cost), 0) * 100,
            12
        ))
    END;
END
$$;
COMMENT ON FUNCTION unrealized_percent IS
'The same in percent of what the open quantity cost, rounded to 12 digits; NULL when it cost nothing.';

CREATE FUNCTION continuing_position(closed positions, may_begin boolean, at timestamptz) RETURNS positions
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    p positions := closed;
    next_one positions;
BEGIN
    WHILE p.status = 'CLOSED' LOOP
        SELECT * INTO next_one FROM positions WHERE continues_position_id = p.id FOR NO KEY UPDATE;
        EXIT WHEN NOT FOUND;
        p := next_one;
    END LOOP;
    IF p.status <> 'CLOSED' OR NOT may_begin THEN
        RETURN p;
    END IF;
    closed := p;
    INSERT INTO positions (
        session_id, continues_position_id, symbol, side, status, contract, contract_size, base_asset,
        settlement_currency, settlement_rate, allows_negative_prices, planned_size, planned_quantity, entry_time,
        entry_balance, stop_loss, take_profit, trailing_stop, strategy_name, confidence_score, exchange,
        max_holding_until, end_of_day_exit, weekend_exit, time_restriction_group, leverage,
        liquidation_price, entry_tag, unbooked_quantity, last_update
    ) VALUES (
        closed.session_id, closed.id, closed.symbol, closed.side, 'PLANNED', closed.contract, closed.contract_size,
        closed.base_asset, closed.settlement_currency, closed.settlement_rate, closed.allows_negative_prices,
        closed.planned_size, closed.planned_quantity, at,
        closed.entry_balance, closed.stop_loss, closed.take_profit, closed.trailing_stop, closed.strategy_name,
        closed.confidence_score, closed.exchange, closed.max_holding_until, closed.end_of_day_exit,
        closed.weekend_exit, closed.time_restriction_group, closed.leverage, closed.liquidation_price, closed.entry_tag,
        closed.unbooked_quantity, at
    ) RETURNING * INTO p;
    IF closed.unbooked_quantity <> 0 THEN
        UPDATE positions SET unbooked_quantity = 0 WHERE id = closed.id;
        UPDATE order_fills SET position_id = p.id WHERE position_id = closed.id AND NOT is_booked;
    END IF;
    PERFORM warn(
        closed.session_id, at,
        format('An entry was filled after position %s was closed: position %s continues it', closed.id, p.id),
        jsonb_build_object('position_id', p.id, 'continues_position_id', closed.id)
    );
    RETURN p;
END
$$;
COMMENT ON FUNCTION continuing_position IS
'The position that continues a closed one, locked: the newest of them, or, for an entry, one that is planned now with '
'the same plan; without either the closed one itself.';

CREATE FUNCTION book_rest(filled orders, moved booking, at timestamptz, rate numeric) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO order_fills (
        order_id, kind, filled_at, position_id, is_booked, booked_quantity, booked_value, settlement_rate
    ) VALUES (filled.id, 'REST', at, moved.position_id, FALSE, moved.rest_quantity, moved.rest_value, rate);
END
$$;
COMMENT ON FUNCTION book_rest IS 'Keeps what a position could not take up, as a fill that is not booked.';

CREATE FUNCTION settle_rests(held bigint, rate numeric, own_token uuid) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    r record;
    filled orders;
    p positions;
    m booking;
BEGIN
    FOR r IN
        SELECT f.id, f.order_id, f.booked_quantity, f.booked_value, f.filled_at, f.settlement_rate
          FROM order_fills AS f
         WHERE NOT f.is_booked
           AND f.position_id = held
         ORDER BY f.filled_at, f.id
    LOOP
        SELECT * INTO p FROM positions AS x WHERE x.id = held;
        EXIT WHEN p.current_quantity <= 0;
        SELECT * INTO filled FROM orders AS o WHERE o.id = r.order_id;
        -- What was never exited cannot be taken back.
        CONTINUE WHEN r.booked_quantity < 0 AND p.exited_quantity = 0 AND NOT is_entry(filled.order_type);
        p.unbooked_quantity := p.unbooked_quantity - abs(r.booked_quantity);
        m := book_fill(
            p, filled, r.booked_quantity, r.booked_value, 0, r.filled_at, NULL, coalesce(r.settlement_rate, rate),
            filled.filled_price, r.id, NULL, NULL, own_token
        );
        UPDATE order_fills AS f
           SET is_booked = TRUE, position_id = m.position_id, booked_quantity = m.quantity, booked_value = m.value,
               released_cost = m.released_cost, pnl = m.pnl, unconverted_pnl = m.unconverted
         WHERE f.id = r.id;
        IF m.rest_quantity <> 0 THEN
            PERFORM book_rest(filled, m, r.filled_at, r.settlement_rate);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION settle_rests IS
'Takes up what orders moved before there was enough of the position, oldest first, as far as the position now reaches. '
'The position''s lock guards these rows; the sums of their orders do not change.';

CREATE FUNCTION convert_pnl(known order_fills, told_pnl numeric, rate numeric, own_token uuid) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    p positions;
    gain numeric;
BEGIN
    SELECT * INTO p FROM positions WHERE id = known.position_id FOR NO KEY UPDATE;
    gain := coalesce(told_pnl, trim_scale(round(known.unconverted_pnl * known_rate(p, rate), 18)));
    UPDATE order_fills AS f
       SET pnl = f.pnl + gain, unconverted_pnl = NULL, told_pnl = convert_pnl.told_pnl, settlement_rate = rate
     WHERE f.id = known.id;
    UPDATE positions AS x
       SET realized_pnl = trim_scale(x.realized_pnl + gain), pnl_correction = trim_scale(x.pnl_correction + gain)
     WHERE x.id = p.id
    RETURNING * INTO p;
    UPDATE partial_trades AS t
       SET pnl = t.pnl + gain,
           timestamp = CASE WHEN gain <> 0 THEN greatest(t.timestamp, known.filled_at) ELSE t.timestamp END
     WHERE t.order_id = known.order_id AND t.position_id = p.id AND t.operation_type = 'PARTIAL_EXIT';
    IF gain <> 0 THEN
        PERFORM post_entry(
            p.session_id, 'FILL', gain, 0, 0, 'rate known later', 'engine', known.filled_at, p.id, known.id, NULL, NULL,
            own_token, TRUE
        );
    END IF;
    IF p.status = 'CLOSED' THEN
        PERFORM revise_trade(p);
    END IF;
END
$$;
COMMENT ON FUNCTION convert_pnl IS
'Books the P&L of a fill for which no rate was known, now that one or the P&L itself is: into position, partial trade, '
'ledger, trade and metrics.';

CREATE FUNCTION take_up(
    before orders,
    filled orders,
    p positions,
    at timestamptz,
    told_pnl numeric,
    rate numeric,
    fill_price numeric,
    own_token uuid,
    request uuid,
    content_hash bigint,
    execution order_fills
) RETURNS booking
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    row_id bigint := nextval('order_fills_id_seq');
    moved numeric := filled.filled_units - before.filled_units;
    worth numeric := filled.filled_value - before.filled_value;
    fee numeric := filled.commission - before.commission;
    m booking;
BEGIN
    IF moved > 0 AND before.status IN ('FILLED', 'CANCELLED', 'FAILED', 'EXPIRED') THEN
        PERFORM warn(
            filled.session_id, at,
            format('Order %s was filled with %s after it was %s', filled.id, moved, before.status),
            jsonb_build_object('order_id', filled.id, 'status', before.status, 'quantity', moved::text)
        );
    ELSIF moved > 0 AND filled.is_overfilled THEN
        PERFORM warn(
            filled.session_id, at,
            format('Order %s of %s was filled with %s', filled.id, filled.quantity, filled.filled_quantity),
            jsonb_build_object('order_id', filled.id, 'quantity', filled.filled_quantity::text)
        );
    END IF;
    IF filled.position_id IS NOT NULL THEN
        m := book_fill(
            p, filled, moved, worth, fee, at, told_pnl, rate, fill_price, row_id, request,
            content_hash, own_token
        );
    ELSIF own_token IS NOT NULL THEN
        PERFORM fence(filled.session_id, own_token);
    END IF;
    INSERT INTO order_fills (
        id, order_id, kind, exchange_fill_id, quantity, price, fee, fee_currency, commission, filled_at, position_id,
        is_booked, booked_quantity, booked_value, booked_commission, released_cost, pnl, unconverted_pnl, told_pnl,
        settlement_rate
    ) VALUES (
        row_id, filled.id, coalesce(execution.kind, 'CHANGE'), execution.exchange_fill_id, execution.quantity,
        execution.price, execution.fee, execution.fee_currency, execution.commission, at, m.position_id,
        filled.position_id IS NOT NULL, coalesce(m.quantity, moved), coalesce(m.value, worth), fee,
        coalesce(m.released_cost, 0), coalesce(m.pnl, 0), m.unconverted, told_pnl, rate
    );
    IF m.rest_quantity <> 0 THEN
        PERFORM book_rest(filled, m, at, rate);
    ELSIF m.owed_quantity > 0 AND is_entry(filled.order_type) THEN
        PERFORM settle_rests(m.position_id, rate, own_token);
    END IF;
    RETURN m;
END
$$;
COMMENT ON FUNCTION take_up IS
'Books what an order was filled with since before: its new figures less its old ones, whichever report they came by. '
'execution is the single fill that it came by; without its kind it was a total. The order is locked, and p is its '
'position, locked, if it has one.';
