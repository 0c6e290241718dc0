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
    partial_trade_id bigint
);
COMMENT ON TYPE booking IS
'What a fill moved: the position that took it up, quantity and value, the cost that an exit released and the P&L; the '
'rest that could not be taken up; what the position still owes to exits that came before; the trade that it completed '
'and the partial trade that it belongs to.';

CREATE FUNCTION record_partial_trade(p positions, filled orders, moved booking, at timestamptz, OUT id bigint, OUT is_new boolean)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    original numeric := CASE p.original_quantity WHEN 0 THEN NULL ELSE p.original_quantity END;
BEGIN
    IF moved.quantity > 0 THEN
        INSERT INTO partial_trades AS t (
            position_id, order_id, operation_type, size, quantity, price, pnl, target_level, timestamp, request_id,
            request_hash
        ) VALUES (
            p.id, filled.id, filled.order_type::text::partial_operation_type,
            coalesce(trim_scale(round(moved.quantity / original, 18)), 1), moved.quantity, filled.filled_price,
            CASE filled.order_type WHEN 'PARTIAL_EXIT' THEN moved.pnl END, filled.target_level, at,
            CASE WHEN p.id = filled.position_id THEN filled.request_id ELSE gen_random_uuid() END, filled.request_hash
        )
        ON CONFLICT (order_id, position_id) DO UPDATE
           SET size = coalesce(trim_scale(round((t.quantity + excluded.quantity) / original, 18)), 1),
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
'Adds what a fill moved to the partial trade of its order, which is one row however many fills the order takes; its id, '
'and whether this fill was the first.';

CREATE FUNCTION completed_trade(p positions, filled orders, request uuid, content_hash bigint) RETURNS trades
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    t trades;
BEGIN
    INSERT INTO trades (
        session_id, position_id, symbol, side, source, entry_price, exit_price, size, quantity, entry_time, exit_time,
        pnl, pnl_percent, commission, margin_interest_cost, funding, stop_loss, take_profit, exit_reason,
        strategy_name, strategy_config, confidence_score, order_id, exchange, timeframe,
        mfe, mfe_price, mfe_time, mae, mae_price, mae_time, request_id, request_hash
    )
    SELECT p.session_id, p.id, p.symbol, p.side, s.mode, coalesce(p.entry_price, 0), coalesce(p.exit_price, 0), p.size,
           p.quantity, p.entry_time, p.exit_time, p.realized_pnl,
           coalesce(round(p.realized_pnl / nullif(abs(p.entry_notional), 0) * 100, 12), 0),
           p.commission, p.margin_interest_cost, p.funding, p.stop_loss, p.take_profit, p.exit_reason,
           p.strategy_name, s.strategy_config, p.confidence_score, filled.exchange_order_id, p.exchange, s.timeframe,
           p.mfe, p.mfe_price, p.mfe_time, p.mae, p.mae_price, p.mae_time, request, content_hash
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
'Carries what came after a position was closed (a fee, funding, a corrected price) into its trade and the metrics, which '
'are computed again from all trades of the session.';

CREATE FUNCTION rate_of(p positions, rate numeric) RETURNS numeric
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    base text;
BEGIN
    IF p.settlement_currency IS NULL THEN
        RETURN 1;
    END IF;
    SELECT s.base_currency INTO base FROM trading_sessions AS s WHERE s.id = p.session_id;
    IF p.settlement_currency = base THEN
        RETURN 1;
    END IF;
    IF coalesce(rate, p.settlement_rate) IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = 'settlement_rate',
            MESSAGE = format(
                'position %s settles in %s and the session''s books are in %s: give settlement_rate or pnl',
                p.id, p.settlement_currency, base
            );
    END IF;
    RETURN coalesce(rate, p.settlement_rate);
END
$$;
COMMENT ON FUNCTION rate_of IS
'The value of one unit of a position''s settlement currency in the session''s base currency; raises AT422 when they differ '
'and no rate is known.';

CREATE FUNCTION book_fill(
    wanted bigint,
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
    entering boolean := is_entry(filled.order_type);
    p positions;
    next_one positions;
    status_before position_status;
    is_first boolean := FALSE;
    t trades;
    m booking;
    added numeric := 0;
    added_value numeric := 0;
    gone numeric := 0;
    gone_value numeric := 0;
    held numeric;
    cost numeric;
    from_prices numeric;
    balance numeric;
    trade_request uuid := coalesce(request, gen_random_uuid());
BEGIN
    SELECT * INTO p FROM positions WHERE id = wanted FOR NO KEY UPDATE;
    WHILE p.status = 'CLOSED' AND moved <> 0 LOOP
        SELECT * INTO next_one FROM positions WHERE continues_position_id = p.id FOR NO KEY UPDATE;
        EXIT WHEN NOT FOUND;
        p := next_one;
    END LOOP;
    IF p.status = 'CLOSED' AND entering AND moved > 0 THEN
        p := continuing_position(p, at);
    END IF;
    status_before := p.status;
    m.position_id := p.id;
    m.quantity := moved;
    m.value := worth;
    m.released_cost := 0;
    m.rest_quantity := 0;
    m.rest_value := 0;
    IF entering THEN
        IF moved < -p.current_quantity THEN
            m.quantity := -p.current_quantity;
            m.rest_quantity := moved - m.quantity;
        END IF;
        added := m.quantity;
        added_value := m.value;
        held := p.current_quantity + added;
        cost := CASE
            WHEN held = 0 THEN 0
            WHEN added <> 0 THEN p.cost_basis + m.value
            -- A corrected price reaches what is still held; the share of what has left is P&L.
            ELSE p.cost_basis + share_of(m.value, p.current_quantity, p.quantity)
        END;
        m.released_cost := m.value - (cost - p.cost_basis);
        from_prices := value_direction(p.side, p.contract) * -m.released_cost;
    ELSE
        IF moved > p.current_quantity OR moved < 0 THEN
            m.quantity := greatest(least(moved, p.current_quantity), 0);
            m.value := CASE m.quantity WHEN 0 THEN 0 ELSE share_of(m.value, m.quantity, moved) END;
            m.rest_quantity := moved - m.quantity;
            m.rest_value := worth - m.value;
        END IF;
        gone := m.quantity;
        gone_value := m.value;
        held := p.current_quantity - gone;
        m.released_cost := CASE gone WHEN 0 THEN 0 ELSE share_of(p.cost_basis, gone, p.current_quantity) END;
        cost := p.cost_basis - m.released_cost;
        from_prices := value_direction(p.side, p.contract) * (m.value - m.released_cost);
    END IF;
    m.pnl := CASE
        WHEN told_pnl IS NOT NULL THEN told_pnl
        WHEN from_prices = 0 THEN 0
        ELSE trim_scale(round(from_prices * rate_of(p, rate), 18))
    END;
    IF filled.order_type IN ('PARTIAL_EXIT', 'SCALE_IN') THEN
        SELECT r.id, r.is_new INTO m.partial_trade_id, is_first FROM record_partial_trade(p, filled, m, at) AS r;
    END IF;

    UPDATE positions AS x
       SET status = CASE
               WHEN held > 0 THEN 'OPEN'
               WHEN x.quantity + added > 0 THEN 'CLOSED'
               ELSE 'PLANNED'
           END::position_status,
           quantity = x.quantity + added,
           original_quantity = CASE filled.order_type
               WHEN 'ENTRY' THEN greatest(x.original_quantity + added, 0)
               ELSE x.original_quantity
           END,
           exited_quantity = x.exited_quantity + gone,
           unbooked_quantity = x.unbooked_quantity + greatest(m.rest_quantity, 0),
           entry_notional = x.entry_notional + added_value,
           exit_notional = x.exit_notional + gone_value,
           cost_basis = cost,
           realized_pnl = x.realized_pnl + m.pnl,
           pnl_correction = x.pnl_correction + m.pnl - from_prices,
           commission = x.commission + fee,
           entry_time = CASE
               WHEN added = 0 THEN x.entry_time
               WHEN x.status = 'PLANNED' THEN at
               ELSE least(x.entry_time, at)
           END,
           exit_time = CASE
               WHEN held > 0 OR x.quantity + added = 0 THEN NULL
               WHEN x.status = 'CLOSED' THEN x.exit_time
               -- Clocks differ: an exit before its entry is a close, and the position was held for no time.
               ELSE greatest(x.entry_time, at, newest_exit(x.id))
           END,
           exit_reason = CASE
               WHEN held > 0 OR x.quantity + added = 0 THEN NULL
               WHEN x.status = 'CLOSED' THEN x.exit_reason
               ELSE coalesce(filled.reason, lower(filled.order_type::text))
           END,
           partial_exits_taken = x.partial_exits_taken
           + (filled.order_type = 'PARTIAL_EXIT' AND coalesce(is_first, FALSE))::integer,
           scale_ins_taken = x.scale_ins_taken
           + (filled.order_type = 'SCALE_IN' AND coalesce(is_first, FALSE))::integer,
           last_partial_exit_price = CASE filled.order_type
               WHEN 'PARTIAL_EXIT' THEN coalesce(fill_price, x.last_partial_exit_price)
               ELSE x.last_partial_exit_price
           END,
           last_scale_in_price = CASE filled.order_type
               WHEN 'SCALE_IN' THEN coalesce(fill_price, x.last_scale_in_price)
               ELSE x.last_scale_in_price
           END,
           current_price = coalesce(fill_price, x.current_price),
           unrealized_pnl = unrealized(x, held, cost, coalesce(fill_price, x.current_price)),
           unrealized_pnl_percent = unrealized_percent(x, held, cost, coalesce(fill_price, x.current_price)),
           last_update = greatest(x.last_update, at)
     WHERE x.id = p.id
    RETURNING * INTO p;
    m.owed_quantity := p.unbooked_quantity;
    IF m.rest_quantity <> 0 THEN
        PERFORM warn(
            p.session_id, at,
            format('Order %s moved %s more than position %s can take: it is not booked', filled.id, abs(m.rest_quantity), p.id),
            jsonb_build_object('order_id', filled.id, 'position_id', p.id, 'rest_quantity', m.rest_quantity::text)
        );
    END IF;

    IF p.status = 'CLOSED' AND status_before = 'OPEN' THEN
        balance := post_entry(
            p.session_id, 'FILL', m.pnl, fee, 0, p.exit_reason, 'engine', at, p.id, fill, trade_request, content_hash,
            own_token, TRUE
        );
        t := completed_trade(p, filled, trade_request, coalesce(content_hash, 0));
        PERFORM count_trade(t, balance);
        PERFORM renew_final_figures(p.session_id);
        m.trade_id := t.id;
    ELSIF m.pnl <> 0 OR fee <> 0 THEN
        PERFORM post_entry(
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
'The heart: a position takes up what an order was filled with. Of an entry it grows; of an exit it gives up the share of '
'its cost, and the last exit releases what is left, so that the sum of the P&L is exact. A quantity of 0 with a value is '
'a corrected price. What a CLOSED position cannot take goes to the one that continues it: CLOSED stays final. Beyond '
'what is held an exit leaves a rest. Values are rounded to 18 digits where they are made, and then only added. Ledger, '
'trade and metrics follow. The order is locked by the caller.';

CREATE FUNCTION newest_exit(closed bigint) RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT max(f.filled_at)
          FROM order_fills AS f
          JOIN orders AS o ON o.id = f.order_id
         WHERE f.position_id = closed
           AND f.booked_quantity > 0
           AND NOT is_entry(o.order_type)
    );
END
$$;
COMMENT ON FUNCTION newest_exit IS 'When the newest exit fill of a position happened; NULL when there is none.';

CREATE FUNCTION unrealized(p positions, held numeric, cost numeric, price numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN CASE
        WHEN held <= 0 THEN 0
        ELSE trim_scale(round(
            value_direction(p.side, p.contract) * (contract_value(p.contract, p.contract_size, held, price) - cost)
            * coalesce(p.settlement_rate, 1),
            18
        ))
    END;
END
$$;
COMMENT ON FUNCTION unrealized IS
'What a position''s open quantity would earn at a price, in the session''s base currency (at settlement_rate, if there is '
'one); 0 when nothing is held, NULL without a price.';

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

CREATE FUNCTION continuing_position(closed positions, at timestamptz) RETURNS positions
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    p positions;
BEGIN
    INSERT INTO positions (
        session_id, continues_position_id, symbol, side, status, contract, contract_size, base_asset,
        settlement_currency, settlement_rate, allows_negative_prices, planned_size, planned_quantity, entry_time,
        entry_balance, stop_loss, take_profit, trailing_stop, strategy_name, confidence_score, exchange,
        max_holding_until, end_of_day_exit, weekend_exit, time_restriction_group, unbooked_quantity, last_update
    ) VALUES (
        closed.session_id, closed.id, closed.symbol, closed.side, 'PLANNED', closed.contract, closed.contract_size,
        closed.base_asset, closed.settlement_currency, closed.settlement_rate, closed.allows_negative_prices,
        closed.planned_size, closed.planned_quantity, at,
        closed.entry_balance, closed.stop_loss, closed.take_profit, closed.trailing_stop, closed.strategy_name,
        closed.confidence_score, closed.exchange, closed.max_holding_until, closed.end_of_day_exit,
        closed.weekend_exit, closed.time_restriction_group, closed.unbooked_quantity, at
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
'Plans the position that takes up what an entry order is filled with after its position was closed, with the same plan.';

CREATE FUNCTION book_rest(filled orders, moved booking, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO order_fills (order_id, kind, filled_at, position_id, is_booked, booked_quantity, booked_value)
    VALUES (filled.id, 'REST', at, moved.position_id, FALSE, moved.rest_quantity, moved.rest_value);
END
$$;
COMMENT ON FUNCTION book_rest IS 'Keeps what a position could not take up, as a fill that is not booked.';

CREATE FUNCTION settle_rests(held bigint, own_token uuid) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    r record;
    filled orders;
    m booking;
BEGIN
    FOR r IN
        SELECT f.id, f.order_id, f.booked_quantity, f.booked_value, f.filled_at
          FROM order_fills AS f
         WHERE NOT f.is_booked
           AND f.booked_quantity > 0
           AND f.position_id = held
         ORDER BY f.filled_at, f.id
    LOOP
        EXIT WHEN NOT EXISTS (SELECT FROM positions AS p WHERE p.id = held AND p.current_quantity > 0);
        SELECT * INTO filled FROM orders AS o WHERE o.id = r.order_id;
        UPDATE positions AS p SET unbooked_quantity = p.unbooked_quantity - r.booked_quantity WHERE p.id = held;
        m := book_fill(
            held, filled, r.booked_quantity, r.booked_value, 0, r.filled_at, NULL, NULL, filled.filled_price, r.id,
            NULL, NULL, own_token
        );
        UPDATE order_fills AS f
           SET is_booked = TRUE, position_id = m.position_id, booked_quantity = m.quantity, booked_value = m.value,
               released_cost = m.released_cost, pnl = m.pnl
         WHERE f.id = r.id;
        IF m.rest_quantity <> 0 THEN
            PERFORM book_rest(filled, m, r.filled_at);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION settle_rests IS
'Takes up what exits were filled with before there was enough to exit, oldest first, as far as the position now reaches. '
'The position''s lock guards these rows; the sums of their orders do not change.';

CREATE FUNCTION take_up(
    before orders,
    filled orders,
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
    IF is_final(before.status) AND moved > 0 THEN
        PERFORM warn(
            filled.session_id, at,
            format('Order %s was filled with %s after it was %s', filled.id, moved, before.status),
            jsonb_build_object('order_id', filled.id, 'status', before.status, 'quantity', moved::text)
        );
    END IF;
    IF filled.position_id IS NOT NULL THEN
        m := book_fill(
            filled.position_id, filled, moved, worth, fee, at, told_pnl, rate, fill_price, row_id, request,
            content_hash, own_token
        );
    ELSIF own_token IS NOT NULL THEN
        PERFORM fence(filled.session_id, own_token);
    END IF;
    INSERT INTO order_fills (
        id, order_id, kind, exchange_fill_id, quantity, price, fee, fee_currency, commission, filled_at, position_id,
        is_booked, booked_quantity, booked_value, booked_commission, released_cost, pnl
    ) VALUES (
        row_id, filled.id, coalesce(execution.kind, 'CHANGE'), execution.exchange_fill_id, execution.quantity,
        execution.price, execution.fee, execution.fee_currency, execution.commission, at, m.position_id,
        filled.position_id IS NOT NULL, coalesce(m.quantity, moved), coalesce(m.value, worth), fee,
        coalesce(m.released_cost, 0), coalesce(m.pnl, 0)
    );
    IF m.rest_quantity <> 0 THEN
        PERFORM book_rest(filled, m, at);
    ELSIF is_entry(filled.order_type) AND m.owed_quantity > 0 THEN
        PERFORM settle_rests(m.position_id, own_token);
    END IF;
    RETURN m;
END
$$;
COMMENT ON FUNCTION take_up IS
'Books what an order was filled with since before: its new figures less its old ones, whichever report they came by. '
'execution is the single fill that it came by; without its kind it was a total.';
