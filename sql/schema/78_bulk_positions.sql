-- Positions booked at once with all their orders: what command by command would leave, with each table written by one
-- statement. What a report makes of its order and a fill of its position is said by the functions that the commands
-- use; here they work on rows that are not stored yet.

CREATE FUNCTION nth_request(request uuid, number bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$
    SELECT (
               left(request::text, 24)
               || lpad(
                   to_hex((('x' || right(request::text, 12))::bit(48)::bigint + number - 1) & 281474976710655), 12, '0'
               )
           )::uuid
$$;
COMMENT ON FUNCTION nth_request IS
'The request_id of one of the records that a request makes, from 1: its last 48 bits are counted up.';

CREATE FUNCTION blank_position(session bigint) RETURNS positions
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    p positions;
BEGIN
    p.session_id := session;
    p.status := 'PLANNED';
    p.contract := 'LINEAR';
    p.contract_size := 1;
    p.allows_negative_prices := FALSE;
    p.quantity := 0;
    p.original_quantity := 0;
    p.exited_quantity := 0;
    p.current_quantity := 0;
    p.unbooked_quantity := 0;
    p.entry_notional := 0;
    p.exit_notional := 0;
    p.cost_basis := 0;
    p.partial_exits_taken := 0;
    p.scale_ins_taken := 0;
    p.trailing_stop := FALSE;
    p.trailing_stop_activated := FALSE;
    p.breakeven_triggered := FALSE;
    p.end_of_day_exit := FALSE;
    p.weekend_exit := FALSE;
    p.realized_pnl := 0;
    p.pnl_correction := 0;
    p.commission := 0;
    p.margin_interest_cost := 0;
    p.funding := 0;
    RETURN p;
END
$$;
COMMENT ON FUNCTION blank_position IS 'A position with what the table''s defaults give it.';

CREATE FUNCTION blank_order(session bigint) RETURNS orders
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    o orders;
BEGIN
    o.session_id := session;
    o.status := 'OPEN';
    o.told_quantity := 0;
    o.recorded_quantity := 0;
    o.recorded_base_fee := 0;
    o.recorded_notional := 0;
    o.recorded_value := 0;
    o.recorded_commission := 0;
    o.unknown_fees := 0;
    o.corrected_value := 0;
    o.filled_quantity := 0;
    o.filled_units := 0;
    o.filled_value := 0;
    o.commission := 0;
    o.is_overfilled := FALSE;
    o.needs_review := FALSE;
    RETURN o;
END
$$;
COMMENT ON FUNCTION blank_order IS 'An order that was sent, with what the table''s defaults give it.';

CREATE FUNCTION post_entries(session bigint, entries account_balances[]) RETURNS numeric
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    change CONSTANT numeric := (SELECT coalesce(sum(e.delta), 0) FROM unnest(entries) AS e);
    s record;
    opening numeric;
BEGIN
    UPDATE trading_sessions AS t
       SET current_balance = trim_scale(t.current_balance + change),
           ledger_entries = t.ledger_entries + cardinality(entries)
     WHERE t.id = session AND t.end_time IS NULL
    RETURNING t.current_balance, t.ledger_entries, t.base_currency, t.balance_set_at INTO s;
    IF NOT FOUND THEN
        PERFORM active_session(session);
    END IF;
    opening := s.current_balance - change;
    INSERT INTO account_balances (
        session_id, entry_number, entry_type, previous_balance, pnl, commission, amount, delta, total_balance,
        base_currency, position_id, order_fill_id, update_reason, updated_by, last_updated, request_id, request_hash
    )
    SELECT session, s.ledger_entries - cardinality(entries) + e.ordinality, e.entry_type,
           trim_scale(opening + sum(e.delta) OVER in_order - e.delta), e.pnl, e.commission, e.amount, e.delta,
           trim_scale(opening + sum(e.delta) OVER in_order), s.base_currency, e.position_id, e.order_fill_id,
           e.update_reason, 'engine', e.last_updated, e.request_id, e.request_hash
      FROM unnest(entries) WITH ORDINALITY AS e
    WINDOW in_order AS (ORDER BY e.ordinality ROWS UNBOUNDED PRECEDING);
    PERFORM warn_of_late_entry(session, e.entry_type, e.last_updated, e.position_id, e.delta)
       FROM unnest(entries) WITH ORDINALITY AS e
      WHERE e.last_updated < s.balance_set_at
      ORDER BY e.ordinality;
    RETURN opening;
END
$$;
COMMENT ON FUNCTION post_entries IS
'Appends ledger entries of one session in their order, as post_entry does each, and moves its balance; the balance '
'before. Of an entry count its type, pnl, commission, amount, delta, what it belongs to, reason, time and request. '
'Raises AT404 and AT410 as active_session does.';

CREATE FUNCTION ledger_entry(
    kind ledger_entry_type, gross numeric, fee numeric, other numeric, reason text, booked_at timestamptz,
    of_position bigint, of_fill bigint, request uuid, content_hash bigint
) RETURNS account_balances
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    e account_balances;
BEGIN
    e.entry_type := kind;
    e.pnl := gross;
    e.commission := fee;
    e.amount := other;
    e.delta := trim_scale(gross - fee + other);
    e.update_reason := reason;
    e.last_updated := booked_at;
    e.position_id := of_position;
    e.order_fill_id := of_fill;
    e.request_id := request;
    e.request_hash := content_hash;
    RETURN e;
END
$$;
COMMENT ON FUNCTION ledger_entry IS 'A ledger entry for post_entries.';

CREATE FUNCTION planned_positions(
    session bigint, new_orders json, request uuid, content_hash bigint, OUT made orders[], OUT plans positions[],
    OUT entries integer[]
)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    s record;
    unknown text;
    o orders;
    p positions;
BEGIN
    SELECT t.strategy_name, t.exchange, t.base_currency INTO s FROM trading_sessions AS t WHERE t.id = session;
    SELECT array_agg(x) INTO made FROM json_populate_recordset(blank_order(session), new_orders) AS x;
    SELECT array_agg(x) INTO plans FROM json_populate_recordset(blank_position(session), new_orders) AS x;
    SELECT array_agg(coalesce(e.number, n.number) ORDER BY n.number), min(n.entry) FILTER (WHERE e.number IS NULL)
      INTO entries, unknown
      FROM ROWS FROM (json_to_recordset(new_orders) AS (internal_order_id text, entry text)) -- noqa: PRS
           WITH ORDINALITY AS n (internal_order_id, entry, number)
      LEFT JOIN ROWS FROM (json_to_recordset(new_orders) AS (internal_order_id text, entry text))
           WITH ORDINALITY AS e (internal_order_id, entry, number)
        ON e.internal_order_id = n.entry;
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AT404', COLUMN = 'entry',
            MESSAGE = format('there is no order %s among them', unknown);
    END IF;
    FOR i IN 1 .. cardinality(made) LOOP
        o := made[i];
        o.id := nextval('orders_id_seq');
        o.last_update := o.created_at;
        o.request_id := nth_request(request, i);
        o.request_hash := content_hash;
        p := plans[entries[i]];
        IF entries[i] = i THEN
            IF o.order_type <> 'ENTRY' THEN
                RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = 'entry',
                    MESSAGE = format('order %s is a %s and names no entry', o.internal_order_id, o.order_type);
            END IF;
            p.id := nextval('positions_id_seq');
            p.planned_quantity := o.quantity;
            p.quantity := 0;
            p.planned_size := p.size;
            p.size := NULL;
            p.entry_time := o.created_at;
            p.last_update := o.created_at;
            p.settlement_currency := settlement_of(p.settlement_currency, p.symbol, p.contract, s.base_currency);
            p.strategy_name := coalesce(p.strategy_name, s.strategy_name);
            p.exchange := coalesce(p.exchange, s.exchange);
            p.leverage := p.leverage::size;
            p.liquidation_price := p.liquidation_price::price;
            p.entry_tag := p.entry_tag::label;
            p.request_id := o.request_id;
            p.request_hash := content_hash;
            IF least(p.stop_loss, p.take_profit) < 0 THEN
                PERFORM allowed_price(p.stop_loss, p.allows_negative_prices, 'stop_loss'),
                        allowed_price(p.take_profit, p.allows_negative_prices, 'take_profit');
            END IF;
            IF p.planned_size > 1 THEN
                PERFORM refuse_percent_of_balance(
                    session, p.planned_size, p.entry_balance,
                    CASE
                        WHEN p.settlement_currency IS NULL
                            THEN contract_value(p.contract, p.contract_size, o.quantity, o.price)
                    END
                );
            END IF;
            plans[i] := p;
        ELSIF p.symbol <> o.symbol OR p.side <> o.side OR entries[entries[i]] <> entries[i] THEN
            RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = 'entry',
                MESSAGE = format(
                    'order %s is of a %s position in %s, and its entry is not', o.internal_order_id, o.side, o.symbol
                );
        END IF;
        IF o.price < 0 THEN
            PERFORM allowed_price(o.price, p.allows_negative_prices, 'price');
        END IF;
        o.position_id := p.id;
        made[i] := o;
    END LOOP;
END
$$;
COMMENT ON FUNCTION planned_positions IS
'Orders with ids as journal_order would write them, the positions that those of them plan that are ENTRY orders, at '
'their places, and for each order the place of its entry. Nothing is stored. Raises AT404 and AT422 for an entry that '
'is not among them, or is of something else.';

CREATE FUNCTION refuse_replay(o orders, why text) RETURNS void
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'reports',
        MESSAGE = format('order %s %s: record it by the single commands', o.internal_order_id, why);
END
$$;
COMMENT ON FUNCTION refuse_replay IS 'Raises AT409 for what is not booked at once. Never returns.';

CREATE FUNCTION book_positions(session bigint, new_orders json, reports json, request uuid, content_hash bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    base CONSTANT text := (SELECT s.base_currency FROM trading_sessions AS s WHERE s.id = session);
    planned CONSTANT record := planned_positions(session, new_orders, request, content_hash);
    entries CONSTANT integer[] := planned.entries;
    made orders[] := planned.made;
    plans positions[] := planned.plans;
    fills order_fills[] := '{}';
    ledger account_balances[] := '{}';
    change numeric := 0;
    is_partial boolean[] := array_fill(FALSE, ARRAY[cardinality(made)]);
    partial_positions positions[] := '{}';
    partial_orders orders[] := '{}';
    partial_moves booking[] := '{}';
    partial_times timestamptz[] := '{}';
    closed_by integer[] := '{}';
    closed_requests uuid[] := '{}';
    closed_changes numeric[] := '{}';
    completed trades[] := '{}';
    opening numeric;
    r record;
    before orders;
    o orders;
    p positions;
    f order_fills;
    paid record;
    base_fee numeric;
    after record;
    m booking;
    moved numeric;
    worth numeric;
    fee numeric;
    fill_price numeric;
    entry account_balances;
BEGIN
    FOR r IN
        SELECT t.number, n.place, t.at, t.exchange_fill_id, t.status, t.quantity, t.price, t.fee, t.fee_currency,
               as_booked(t.commission) AS commission, as_booked(t.pnl) AS pnl, t.settlement_rate, t.failure_reason,
               as_booked(coalesce(t.funding, -t.margin_interest_cost)) AS carry, t.funding IS NOT NULL AS is_funding,
               t.internal_order_id
          FROM ROWS FROM ( -- noqa: PRS
                   json_to_recordset(reports) AS (
                       internal_order_id text, timestamp exchange_time, exchange_fill_id label, status order_status,
                       quantity nonnegative, price signed_price, fee amount, fee_currency label, commission amount,
                       pnl amount, settlement_rate quantity, failure_reason prose, funding amount,
                       margin_interest_cost amount
                   )
               ) WITH ORDINALITY AS t (
                   internal_order_id, at, exchange_fill_id, status, quantity, price, fee, fee_currency, commission, pnl,
                   settlement_rate, failure_reason, funding, margin_interest_cost, number
               )
          LEFT JOIN (
                   SELECT x.internal_order_id, x.ordinality AS place FROM unnest(made) WITH ORDINALITY AS x
               ) AS n ON n.internal_order_id = t.internal_order_id
         ORDER BY t.number
    LOOP
        IF r.place IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'AT404', COLUMN = 'internal_order_id',
                MESSAGE = format('there is no order %s among them', r.internal_order_id);
        END IF;
        before := made[r.place];
        p := plans[entries[r.place]];
        IF r.carry IS NOT NULL THEN
            IF p.status <> 'OPEN' THEN
                PERFORM refuse_replay(before, 'has funding or interest while its position is not open');
            ELSIF r.is_funding THEN
                p.funding := p.funding + r.carry;
            ELSE
                p.margin_interest_cost := p.margin_interest_cost - r.carry;
            END IF;
            p.last_update := greatest(p.last_update, r.at);
            plans[entries[r.place]] := p;
            change := change + r.carry;
            ledger := array_append(
                ledger,
                ledger_entry(
                    CASE WHEN r.is_funding THEN 'FUNDING' ELSE 'INTEREST' END::ledger_entry_type, 0, 0, r.carry,
                    CASE WHEN r.is_funding THEN 'funding' ELSE 'margin interest' END, r.at, p.id, NULL,
                    nth_request(request, cardinality(made) + r.number), content_hash
                )
            );
            CONTINUE;
        END IF;
        f := NULL;
        IF r.exchange_fill_id IS NOT NULL THEN
            IF r.price <= 0 THEN
                PERFORM allows_fill(before, p, r.price);
            END IF;
            f.kind := 'FILL';
            f.exchange_fill_id := r.exchange_fill_id;
            f.quantity := r.quantity;
            f.price := r.price;
            f.fee := r.fee;
            f.fee_currency := r.fee_currency;
            f.commission := r.commission;
            base_fee := 0;
            IF r.fee IS NOT NULL THEN
                paid := fee_in_books(r.fee, r.fee_currency, r.commission, before, p, base, r.price);
                f.fee_currency := paid.told_currency;
                f.commission := paid.converted;
                base_fee := paid.base_fee;
            END IF;
            o := with_totals(after_execution(before, p, r.quantity, r.price, base_fee, f.commission, r.at));
        ELSE
            f.kind := 'CHANGE';
            o := with_totals(
                after_total(
                    before, p, r.status, r.quantity, r.price, r.commission, NULL, NULL, r.failure_reason, NULL, r.at
                )
            );
        END IF;
        made[r.place] := o;
        moved := o.filled_units - before.filled_units;
        worth := o.filled_value - before.filled_value;
        fee := o.commission - before.commission;
        CONTINUE WHEN f.kind = 'CHANGE' AND moved = 0 AND worth = 0 AND fee = 0;
        fill_price := CASE WHEN f.kind = 'FILL' THEN r.price ELSE coalesce(r.price, o.filled_price) END;
        IF p.status = 'CLOSED' THEN
            PERFORM refuse_replay(o, 'was filled after its position was closed');
        ELSIF p.status = 'PLANNED' AND p.current_price IS NOT NULL THEN
            PERFORM refuse_replay(o, 'was filled before, and nothing of that was left');
        ELSIF fill_price = 0 THEN
            PERFORM refuse_replay(o, 'was filled at a price of 0');
        END IF;
        IF moved > 0 AND (o.is_overfilled OR is_final(before.status)) THEN
            PERFORM warn_of_fill(before, o, moved, r.at);
        END IF;
        after := after_fill(p, o, moved, worth, fee, r.at, r.pnl, r.settlement_rate, fill_price, NULL);
        p := after.p;
        m := after.m;
        IF m.rest_quantity <> 0 THEN
            PERFORM refuse_replay(o, 'moves more than its position can take');
        ELSIF m.unconverted IS NOT NULL THEN
            PERFORM refuse_replay(o, 'earned what is settled in another currency, and no rate is known');
        END IF;
        IF o.order_type IN ('PARTIAL_EXIT', 'SCALE_IN') THEN
            partial_positions := array_append(partial_positions, p);
            partial_orders := array_append(partial_orders, o);
            partial_moves := array_append(partial_moves, m);
            partial_times := array_append(partial_times, r.at);
            IF counts_as_partial(o.order_type, m) AND NOT is_partial[r.place] THEN
                is_partial[r.place] := TRUE;
                IF o.order_type = 'SCALE_IN' THEN
                    p.scale_ins_taken := p.scale_ins_taken + 1;
                ELSE
                    p.partial_exits_taken := p.partial_exits_taken + 1;
                END IF;
            END IF;
        END IF;
        plans[entries[r.place]] := p;
        f.id := nextval('order_fills_id_seq');
        f.order_id := o.id;
        f.filled_at := r.at;
        f.position_id := p.id;
        f.is_booked := TRUE;
        f.booked_quantity := m.quantity;
        f.booked_value := m.value;
        f.booked_commission := fee;
        f.released_cost := m.released_cost;
        f.pnl := m.pnl;
        f.told_pnl := r.pnl;
        f.settlement_rate := r.settlement_rate;
        fills := array_append(fills, f);
        CONTINUE WHEN p.status <> 'CLOSED' AND m.pnl = 0 AND fee = 0;
        entry := ledger_entry(
            'FILL', m.pnl, fee, 0, CASE p.status WHEN 'CLOSED' THEN p.exit_reason ELSE lower(o.order_type::text) END, r.at,
            p.id, f.id, gen_random_uuid(), 0
        );
        ledger := array_append(ledger, entry);
        change := change + entry.delta;
        IF p.status = 'CLOSED' THEN
            closed_by := array_append(closed_by, r.place::integer);
            closed_requests := array_append(closed_requests, entry.request_id);
            closed_changes := array_append(closed_changes, change);
        END IF;
    END LOOP;
    -- A column that a later migration adds gets its default.
    INSERT INTO positions (
        id, session_id, continues_position_id, symbol, side, status, contract, contract_size, base_asset,
        settlement_currency, settlement_rate, allows_negative_prices, planned_size, planned_quantity,
        entry_time, entry_balance, quantity, original_quantity, exited_quantity, current_quantity,
        unbooked_quantity, entry_notional, exit_notional, cost_basis, entry_price, exit_price, size,
        original_size, current_size, partial_exits_taken, scale_ins_taken, last_partial_exit_price,
        last_scale_in_price, stop_loss, take_profit, trailing_stop, trailing_stop_activated,
        trailing_stop_price, breakeven_triggered, last_update, current_price, unrealized_pnl,
        unrealized_pnl_percent, mfe, mfe_price, mfe_time, mae, mae_price, mae_time, strategy_name,
        confidence_score, exchange, max_holding_until, end_of_day_exit, weekend_exit,
        time_restriction_group, realized_pnl, pnl_correction, commission, margin_interest_cost, funding,
        last_exit_time, exit_time, exit_reason, request_id, request_hash, leverage, liquidation_price,
        entry_tag
    ) OVERRIDING SYSTEM VALUE
    SELECT x.id, x.session_id, x.continues_position_id, x.symbol, x.side, x.status, x.contract, x.contract_size,
           x.base_asset, x.settlement_currency, x.settlement_rate, x.allows_negative_prices,
           x.planned_size, x.planned_quantity, x.entry_time, x.entry_balance, x.quantity,
           x.original_quantity, x.exited_quantity, x.current_quantity, x.unbooked_quantity,
           x.entry_notional, x.exit_notional, x.cost_basis, x.entry_price, x.exit_price, x.size,
           x.original_size, x.current_size, x.partial_exits_taken, x.scale_ins_taken,
           x.last_partial_exit_price, x.last_scale_in_price, x.stop_loss, x.take_profit,
           x.trailing_stop, x.trailing_stop_activated, x.trailing_stop_price, x.breakeven_triggered,
           x.last_update, x.current_price, x.unrealized_pnl, x.unrealized_pnl_percent, x.mfe,
           x.mfe_price, x.mfe_time, x.mae, x.mae_price, x.mae_time, x.strategy_name, x.confidence_score,
           x.exchange, x.max_holding_until, x.end_of_day_exit, x.weekend_exit, x.time_restriction_group,
           x.realized_pnl, x.pnl_correction, x.commission, x.margin_interest_cost, x.funding,
           x.last_exit_time, x.exit_time, x.exit_reason, x.request_id, x.request_hash, x.leverage,
           x.liquidation_price, x.entry_tag
      FROM unnest(plans) AS x
     WHERE x.id IS NOT NULL;
    INSERT INTO orders (
        id, session_id, position_id, order_type, status, symbol, side, quantity, quote_quantity, price,
        told_quantity, told_price, told_value, told_commission, recorded_quantity, recorded_base_fee,
        recorded_notional, recorded_value, recorded_commission, unknown_fees, corrected_value,
        filled_quantity, filled_price, filled_units, filled_value, commission, is_overfilled, needs_review,
        exchange_order_id, internal_order_id, strategy_name, target_level, reason, failure_reason,
        created_at, filled_at, cancelled_at, last_update, request_id, request_hash
    ) OVERRIDING SYSTEM VALUE
    SELECT x.id, x.session_id, x.position_id, x.order_type, x.status, x.symbol, x.side, x.quantity,
           x.quote_quantity, x.price, x.told_quantity, x.told_price, x.told_value, x.told_commission,
           x.recorded_quantity, x.recorded_base_fee, x.recorded_notional, x.recorded_value,
           x.recorded_commission, x.unknown_fees, x.corrected_value, x.filled_quantity, x.filled_price,
           x.filled_units, x.filled_value, x.commission, x.is_overfilled, x.needs_review,
           x.exchange_order_id, x.internal_order_id, x.strategy_name, x.target_level, x.reason,
           x.failure_reason, x.created_at, x.filled_at, x.cancelled_at, x.last_update, x.request_id,
           x.request_hash
      FROM unnest(made) AS x;
    INSERT INTO order_fills (
        id, order_id, kind, exchange_fill_id, quantity, price, fee, fee_currency, commission, filled_at,
        position_id, is_booked, booked_quantity, booked_value, booked_commission, released_cost, pnl,
        unconverted_pnl, told_pnl, settlement_rate
    )
    SELECT x.id, x.order_id, x.kind, x.exchange_fill_id, x.quantity, x.price, x.fee, x.fee_currency, x.commission,
           x.filled_at, x.position_id, x.is_booked, x.booked_quantity, x.booked_value,
           x.booked_commission, x.released_cost, x.pnl, x.unconverted_pnl, x.told_pnl, x.settlement_rate
      FROM unnest(fills) AS x;
    FOR i IN 1 .. cardinality(partial_orders) LOOP
        PERFORM record_partial_trade(partial_positions[i], partial_orders[i], partial_moves[i], partial_times[i]);
    END LOOP;
    IF cardinality(ledger) > 0 THEN
        opening := post_entries(session, ledger);
    END IF;
    FOR i IN 1 .. cardinality(closed_by) LOOP
        completed := array_append(
            completed,
            completed_trade(plans[entries[closed_by[i]]], made[closed_by[i]], closed_requests[i], 0)
        );
    END LOOP;
    IF cardinality(completed) > 0 THEN
        -- What was booked before, at entries and partial exits, is part of a trade's net P&L.
        PERFORM count_trades(
                   session, array_agg(t.pnl::numeric ORDER BY c.number),
                   array_agg(t.commission::numeric ORDER BY c.number),
                   array_agg(t.margin_interest_cost::numeric ORDER BY c.number),
                   array_agg(t.funding::numeric ORDER BY c.number),
                   array_agg(t.net_pnl::numeric ORDER BY c.number),
                   array_agg(trim_scale(opening + c.change - t.net_pnl) ORDER BY c.number),
                   array_agg(t.exit_time::timestamptz ORDER BY c.number)
               )
           FROM unnest(completed) WITH ORDINALITY AS t
           JOIN unnest(closed_changes) WITH ORDINALITY AS c (change, number) ON c.number = t.ordinality;
    END IF;
END
$$;
COMMENT ON FUNCTION book_positions IS
'Writes orders with the positions that they plan, and what they were filled with, report by report in their order, as '
'journal_order, record_fill, update_order and record_carry do each, with each table written at once. Raises AT409 for '
'what only these book: exits beyond what is held, fills after the close or at a price of 0, P&L without a rate.';

CREATE FUNCTION log_positions(
    session bigint, new_orders json, reports json, request uuid, content_hash bigint
) RETURNS TABLE (of_order bigint, of_position bigint, fill bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    is_permitted CONSTANT boolean := permitted();
    known orders;
BEGIN
    -- A twin of this request waits here, and sees below what the first one has written.
    PERFORM FROM trading_sessions AS s WHERE s.id = session FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM existing_session(session);
    END IF;
    SELECT * INTO known FROM orders AS o WHERE o.request_id = request;
    IF FOUND AND known.request_hash <> content_hash THEN
        PERFORM refuse_request(request);
    ELSIF NOT FOUND AND json_array_length(new_orders) > 0 THEN
        PERFORM active_session(session);
        PERFORM book_positions(session, new_orders, reports, request, content_hash);
    END IF;
    RETURN QUERY
    SELECT o.id, o.position_id, f.id
      FROM ROWS FROM (json_to_recordset(reports) AS (internal_order_id text, exchange_fill_id text)) -- noqa: PRS
           WITH ORDINALITY AS r (internal_order_id, exchange_fill_id, number)
     CROSS JOIN LATERAL (
               SELECT x.id, x.position_id
                 FROM orders AS x
                WHERE x.session_id::text || ' ' || x.internal_order_id::text = session::text || ' ' || r.internal_order_id
               OFFSET 0
           ) AS o
      LEFT JOIN LATERAL (
               SELECT y.id
                 FROM order_fills AS y
                WHERE y.order_id = o.id AND y.exchange_fill_id = r.exchange_fill_id
               OFFSET 0
           ) AS f ON TRUE
     ORDER BY r.number;
END
$$;
COMMENT ON FUNCTION log_positions IS
'Books positions with all their orders, as book_positions says; the same request again changes nothing. For each '
'report its order, position and, of a single execution, fill. Raises AT404 and AT410 as active_session does, AT412 '
'for a request with other content.';
