-- Many trades booked at once: what row by row would leave, with each table written by one statement.

CREATE FUNCTION count_trades(
    session bigint,
    gross numeric[],
    fees numeric[],
    interest numeric[],
    received numeric[],
    changes numeric[],
    openings numeric[],
    exit_times timestamptz[]
) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    initial CONSTANT numeric := (SELECT s.initial_balance FROM trading_sessions AS s WHERE s.id = session);
    span record;
    m performance_metrics;
    counted performance_metrics[];
    place integer;
    pnl numeric;
    standing numeric;
    peak numeric;
    bottom numeric;
    deepest numeric;
    streak integer;
    wins integer;
    losses integer;
BEGIN
    FOR span IN
        WITH days AS MATERIALIZED (
            SELECT date_trunc('day', t.exit_time, 'UTC') AS day, array_agg(t.number::integer ORDER BY t.number) AS places,
                   count(*)::integer AS trades, (count(*) FILTER (WHERE t.pnl > 0))::integer AS wins,
                   (count(*) FILTER (WHERE t.pnl < 0))::integer AS losses,
                   coalesce(sum(t.pnl) FILTER (WHERE t.pnl > 0), 0) AS profit,
                   coalesce(-sum(t.pnl) FILTER (WHERE t.pnl < 0), 0) AS loss, sum(t.commission) AS commission,
                   sum(t.interest) AS interest, sum(t.funding) AS funding, max(t.pnl) AS best, min(t.pnl) AS worst
              FROM unnest(gross, fees, interest, received, exit_times) WITH ORDINALITY
                AS t (pnl, commission, interest, funding, exit_time, number)
             GROUP BY date_trunc('day', t.exit_time, 'UTC')
        ), added AS (
            SELECT 'DAILY'::metric_period AS period, d.day AS period_start, d.day + interval '24 hours' AS period_end,
                   d.places, openings[d.places[1]] AS opening,
                   d.trades, d.wins, d.losses, d.profit, d.loss, d.commission, d.interest, d.funding, d.best, d.worst
              FROM days AS d
             UNION ALL
            SELECT 'ALL_TIME', 'epoch', NULL, array(SELECT generate_series(1, cardinality(gross))), initial,
                   sum(d.trades), sum(d.wins), sum(d.losses), sum(d.profit), sum(d.loss),
                   sum(d.commission), sum(d.interest), sum(d.funding), max(d.best), min(d.worst)
              FROM days AS d
        )
        SELECT a.period, a.period_start, a.period_end, a.places, a.opening,
               a.trades, a.wins, a.losses, a.profit, a.loss, a.commission, a.interest, a.funding, a.best, a.worst,
               k AS kept
          FROM added AS a
          LEFT JOIN LATERAL (
                   SELECT p.*
                     FROM performance_metrics AS p
                    WHERE p.session_id = session AND p.period = a.period AND p.period_start = a.period_start
                   OFFSET 0
               ) AS k ON TRUE
    LOOP
        m := span.kept;
        standing := coalesce(m.opening_balance + m.net_pnl, span.opening);
        peak := coalesce(m.peak_balance, standing);
        bottom := peak;
        deepest := coalesce(m.max_drawdown, 0);
        streak := coalesce(m.current_streak, 0);
        wins := coalesce(m.largest_win_streak, 0);
        losses := coalesce(m.largest_loss_streak, 0);
        FOREACH place IN ARRAY span.places LOOP
            pnl := gross[place];
            standing := standing + changes[place];
            -- Of what follows one peak, the lowest value is the deepest.
            IF standing > peak THEN
                deepest := greatest(deepest, drawdown(peak, bottom));
                peak := standing;
                bottom := standing;
            ELSIF standing < bottom THEN
                bottom := standing;
            END IF;
            IF pnl > 0 THEN
                streak := greatest(streak, 0) + 1;
                IF streak > wins THEN
                    wins := streak;
                END IF;
            ELSIF pnl < 0 THEN
                streak := least(streak, 0) - 1;
                IF -streak > losses THEN
                    losses := -streak;
                END IF;
            ELSE
                streak := 0;
            END IF;
        END LOOP;
        m.session_id := session;
        m.period := span.period;
        m.period_start := span.period_start;
        m.period_end := span.period_end;
        m.opening_balance := coalesce(m.opening_balance, span.opening);
        m.total_trades := coalesce(m.total_trades, 0) + span.trades;
        m.winning_trades := coalesce(m.winning_trades, 0) + span.wins;
        m.losing_trades := coalesce(m.losing_trades, 0) + span.losses;
        m.gross_profit := coalesce(m.gross_profit, 0) + span.profit;
        m.gross_loss := coalesce(m.gross_loss, 0) + span.loss;
        m.commission := coalesce(m.commission, 0) + span.commission;
        m.margin_interest_cost := coalesce(m.margin_interest_cost, 0) + span.interest;
        m.funding := coalesce(m.funding, 0) + span.funding;
        m.best_trade_pnl := greatest(m.best_trade_pnl, span.best);
        m.worst_trade_pnl := least(m.worst_trade_pnl, span.worst);
        m.current_streak := streak;
        m.largest_win_streak := wins;
        m.largest_loss_streak := losses;
        m.peak_balance := peak;
        m.max_drawdown := greatest(deepest, drawdown(peak, bottom));
        counted := array_append(counted, m);
    END LOOP;
    INSERT INTO performance_metrics (
        session_id, period, period_start, period_end, opening_balance, total_trades, winning_trades, losing_trades,
        gross_profit, gross_loss, commission, margin_interest_cost, funding, best_trade_pnl, worst_trade_pnl,
        current_streak, largest_win_streak, largest_loss_streak, peak_balance, max_drawdown
    )
    SELECT c.session_id, c.period, c.period_start, c.period_end, c.opening_balance, c.total_trades, c.winning_trades,
           c.losing_trades, c.gross_profit, c.gross_loss, c.commission, c.margin_interest_cost, c.funding,
           c.best_trade_pnl, c.worst_trade_pnl, c.current_streak, c.largest_win_streak, c.largest_loss_streak,
           c.peak_balance, c.max_drawdown
      FROM unnest(counted) AS c
    ON CONFLICT (session_id, period, period_start) DO UPDATE
       SET total_trades = excluded.total_trades,
           winning_trades = excluded.winning_trades,
           losing_trades = excluded.losing_trades,
           gross_profit = excluded.gross_profit,
           gross_loss = excluded.gross_loss,
           commission = excluded.commission,
           margin_interest_cost = excluded.margin_interest_cost,
           funding = excluded.funding,
           best_trade_pnl = excluded.best_trade_pnl,
           worst_trade_pnl = excluded.worst_trade_pnl,
           current_streak = excluded.current_streak,
           largest_win_streak = excluded.largest_win_streak,
           largest_loss_streak = excluded.largest_loss_streak,
           peak_balance = excluded.peak_balance,
           max_drawdown = excluded.max_drawdown;
END
$$;
COMMENT ON FUNCTION count_trades IS
'Adds completed trades of one session, in their order, to the metrics of their days and of all time. changes: by how '
'much each changes the balance; openings: the balance that each was made of. Amounts in the session''s base currency.';

CREATE FUNCTION book_in_order(
    session bigint,
    gross amount[],
    fees amount[],
    interest amount[],
    received amount[],
    reasons label[],
    exit_times instant[],
    requests uuid[],
    content_hash bigint
) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    total CONSTANT integer := cardinality(gross);
    changes numeric[];
    openings numeric[];
    balance numeric := 0;
    -- Of the columns' own types: nothing is checked again with each row.
    booked_by CONSTANT label := 'engine';
    s record;
BEGIN
    FOR place IN 1 .. total LOOP
        changes[place] := gross[place] - fees[place] - interest[place] + received[place];
        balance := balance + changes[place];
    END LOOP;
    UPDATE trading_sessions AS t
       SET current_balance = t.current_balance + balance,
           ledger_entries = t.ledger_entries + total
     WHERE t.id = session AND t.end_time IS NULL
    RETURNING t.current_balance - balance AS opening, t.ledger_entries - total AS last_entry, t.base_currency INTO s;
    IF NOT FOUND THEN
        PERFORM active_session(session);
    END IF;
    balance := s.opening;
    FOR place IN 1 .. total LOOP
        openings[place] := balance;
        balance := balance + changes[place];
    END LOOP;
    INSERT INTO account_balances (
        session_id, entry_number, entry_type, previous_balance, pnl, commission, amount, delta,
        total_balance, base_currency,
        update_reason, updated_by, last_updated, request_id, request_hash
    )
    SELECT session, s.last_entry + n.place, 'TRADE', openings[n.place], gross[n.place], fees[n.place],
           received[n.place] - interest[n.place], changes[n.place], openings[n.place] + changes[n.place],
           s.base_currency, reasons[n.place], booked_by, exit_times[n.place], requests[n.place], content_hash
      FROM generate_series(1, total) AS n (place);
    PERFORM count_trades(session, gross, fees, interest, received, changes, openings, exit_times);
END
$$;
COMMENT ON FUNCTION book_in_order IS
'Books completed trades of one session in their order, as book_trade does each with its whole net P&L: the change of '
'the balance, a ledger entry a trade, the metrics of their days and of all time. The arrays have a trade''s amounts, '
'in the session''s base currency, at the same place. Raises AT404 and AT410 as active_session does.';

CREATE FUNCTION logged_by(request uuid, total integer)
RETURNS TABLE (number bigint, trade_id bigint, content_hash bigint)
LANGUAGE sql STABLE AS $$
    SELECT n.place + 1, t.id, t.request_hash
      FROM trades AS t
     CROSS JOIN LATERAL (
               SELECT (
                          ('x' || right(t.request_id::text, 12))::bit(48)::bigint
                          - ('x' || right(request::text, 12))::bit(48)::bigint
                      ) & x'ffffffffffff'::bigint AS place
           ) AS n
     WHERE t.request_id BETWEEN (left(request::text, 24) || '000000000000')::uuid
           AND (left(request::text, 24) || 'ffffffffffff')::uuid
       AND n.place < total
$$;
COMMENT ON FUNCTION logged_by IS
'The trades that a request of log_new_trades has written, with their places in it from 1; total is how many it has.';

CREATE FUNCTION booked_amounts(given amount[], all_of_them amount, total integer) RETURNS amount[]
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
               WHEN given IS NULL THEN array_fill(as_booked(all_of_them)::amount, ARRAY[total])
               ELSE array(SELECT as_booked(g.amount)::amount FROM unnest(given) AS g (amount))
           END
$$;
COMMENT ON FUNCTION booked_amounts IS
'The amounts of so many trades as the books keep them: those given, or without any the one that all of them have.';

CREATE FUNCTION log_trades_by_column(
    session bigint, given json, request uuid, content_hash bigint, own_token uuid
) RETURNS SETOF bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    -- The first trade has the request's own id, the others count its last 48 bits up.
    prefix CONSTANT text := left(request::text, 24);
    first_request CONSTANT bigint := ('x' || right(request::text, 12))::bit(48)::bigint;
    total integer;
    has_orders boolean;
    engine record;
    same record;
    config document;
    is_known boolean;
    known_ids bigint[];
    firsts bigint[];
    places integer[];
    ids bigint[];
    requests uuid[];
    gross amount[];
    fees amount[];
    interest amount[];
    received amount[];
    exits instant[];
    each_symbol symbol[];
    each_side position_side[];
    each_entry_price signed_price[];
    each_exit_price signed_price[];
    each_size size[];
    each_entry_time instant[];
    each_exit_time instant[];
    each_pnl amount[];
    each_exit_reason label[];
    each_strategy_name label[];
    each_quantity quantity[];
    each_commission amount[];
    each_margin_interest_cost amount[];
    each_funding amount[];
    each_stop_loss signed_price[];
    each_take_profit signed_price[];
    each_strategy_config document[];
    each_confidence_score fraction[];
    each_order_id label[];
    each_exchange label[];
    each_timeframe label[];
    each_mfe ratio[];
    each_mfe_price signed_price[];
    each_mfe_time instant[];
    each_mae ratio[];
    each_mae_price signed_price[];
    each_mae_time instant[];
    each_leverage size[];
    each_entry_tag label[];
BEGIN
    PERFORM permitted();
    -- A twin of this request waits here, and sees below what the first one has written.
    SELECT s.mode, s.timeframe INTO engine FROM trading_sessions AS s WHERE s.id = session FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM existing_session(session);
    END IF;
    -- Each of the columns' own types, checked here and nowhere else: a value that all trades have is checked once.
    SELECT a.* INTO same
      FROM json_to_record(given -> 'all') AS a (
                rows integer, symbol symbol, side position_side, entry_price signed_price, exit_price signed_price,
                size size, entry_time instant, exit_time instant, pnl amount, exit_reason label, strategy_name label,
                quantity quantity, commission amount, margin_interest_cost amount, funding amount,
                stop_loss signed_price, take_profit signed_price, strategy_config text, confidence_score fraction,
                order_id label, exchange label, timeframe label, mfe ratio, mfe_price signed_price, mfe_time instant,
                mae ratio, mae_price signed_price, mae_time instant, leverage size, entry_tag label
           );
    total := same.rows;
    config := same.strategy_config::jsonb;
    SELECT e.symbol::symbol[], e.side::position_side[], e.entry_price::signed_price[], e.exit_price::signed_price[],
           e.size::size[], e.entry_time::instant[], e.exit_time::instant[], e.pnl::amount[], e.exit_reason::label[],
           e.strategy_name::label[], e.quantity::quantity[], e.commission::amount[], e.margin_interest_cost::amount[],
           e.funding::amount[], e.stop_loss::signed_price[], e.take_profit::signed_price[],
           e.strategy_config::document[], e.confidence_score::fraction[], e.order_id::label[], e.exchange::label[],
           e.timeframe::label[], e.mfe::ratio[], e.mfe_price::signed_price[], e.mfe_time::instant[], e.mae::ratio[],
           e.mae_price::signed_price[], e.mae_time::instant[], e.leverage::size[], e.entry_tag::label[]
      INTO each_symbol, each_side, each_entry_price, each_exit_price, each_size, each_entry_time, each_exit_time,
           each_pnl, each_exit_reason, each_strategy_name, each_quantity, each_commission, each_margin_interest_cost,
           each_funding, each_stop_loss, each_take_profit, each_strategy_config, each_confidence_score, each_order_id,
           each_exchange, each_timeframe, each_mfe, each_mfe_price, each_mfe_time, each_mae, each_mae_price,
           each_mae_time, each_leverage, each_entry_tag
      FROM json_to_record(given -> 'each') AS e (
                symbol text, side text, entry_price text, exit_price text, size text, entry_time text, exit_time text,
                pnl text, exit_reason text, strategy_name text, quantity text, commission text,
                margin_interest_cost text, funding text, stop_loss text, take_profit text, strategy_config text,
                confidence_score text, order_id text, exchange text, timeframe text, mfe text, mfe_price text,
                mfe_time text, mae text, mae_price text, mae_time text, leverage text, entry_tag text
           );
    has_orders := same.order_id IS NOT NULL OR EXISTS (SELECT FROM unnest(each_order_id) AS o (id) WHERE o.id IS NOT NULL);
    IF has_orders OR EXISTS (SELECT FROM trades AS t WHERE t.request_id = request) THEN
        SELECT bool_and(b.content_hash = log_trades_by_column.content_hash) INTO is_known
          FROM logged_by(request, total) AS b;
        IF NOT is_known THEN
            PERFORM refuse_request(request);
        END IF;
    END IF;
    requests := array(
        SELECT (prefix || lpad(to_hex((first_request + n.place - 1) & x'ffffffffffff'::bigint), 12, '0'))::uuid
          FROM generate_series(1, total) AS n (place)
    );
    IF has_orders THEN
        SELECT array_agg(
                   CASE
                       WHEN t.order_id IS NOT NULL THEN known_trade(session, t.symbol, t.order_id, requests[t.place])
                   END
                   ORDER BY t.place
               ),
               -- The same order twice is the same trade.
               array_agg(CASE WHEN t.order_id IS NULL THEN t.place ELSE t.first END ORDER BY t.place)
          INTO known_ids, firsts
          FROM (
                   SELECT o.symbol, o.order_id, o.place,
                          min(o.place) OVER (PARTITION BY o.symbol, o.order_id) AS first
                     FROM (
                              SELECT n.place, coalesce(each_symbol[n.place], same.symbol) AS symbol,
                                     coalesce(each_order_id[n.place], same.order_id) AS order_id
                                FROM generate_series(1, total) AS n (place)
                          ) AS o
               ) AS t;
    END IF;
    IF is_known IS NULL THEN
        places := array(
            SELECT n.place
              FROM generate_series(1, total) AS n (place)
             WHERE known_ids[n.place] IS NULL
               AND coalesce(firsts[n.place], n.place) = n.place
        );
    END IF;
    IF cardinality(places) > 0 THEN
        gross := booked_amounts(each_pnl, same.pnl, total);
        fees := booked_amounts(each_commission, same.commission, total);
        interest := booked_amounts(each_margin_interest_cost, same.margin_interest_cost, total);
        received := booked_amounts(each_funding, same.funding, total);
        exits := array(
            SELECT greatest(
                       coalesce(each_entry_time[n.place], same.entry_time),
                       coalesce(each_exit_time[n.place], same.exit_time)
                   )
              FROM generate_series(1, total) AS n (place)
        );
        each_exit_reason := coalesce(each_exit_reason, array_fill(same.exit_reason, ARRAY[total]));
        WITH trade AS (
            INSERT INTO trades (
                session_id, symbol, side, source, entry_price, exit_price, size, quantity, entry_time, exit_time,
                pnl, pnl_percent, commission, margin_interest_cost, funding, stop_loss, take_profit, exit_reason,
                strategy_name, strategy_config, confidence_score, order_id, exchange, timeframe,
                mfe, mfe_price, mfe_time, mae, mae_price, mae_time, leverage, entry_tag, request_id, request_hash
            )
            SELECT session, coalesce(each_symbol[n.place], same.symbol), t.side, engine.mode, t.entry_price,
                   t.exit_price, coalesce(each_size[n.place], same.size), t.quantity,
                   coalesce(each_entry_time[n.place], same.entry_time), exits[n.place], gross[n.place],
                   round(
                       coalesce(
                           coalesce(each_pnl[n.place], same.pnl) / nullif(t.entry_price * t.quantity, 0),
                           gross_pnl(t.side, t.entry_price, t.exit_price, 1) / nullif(t.entry_price, 0),
                           0
                       ) * 100,
                       12
                   ),
                   fees[n.place], interest[n.place], received[n.place],
                   coalesce(each_stop_loss[n.place], same.stop_loss),
                   coalesce(each_take_profit[n.place], same.take_profit), each_exit_reason[n.place],
                   coalesce(each_strategy_name[n.place], same.strategy_name),
                   coalesce(each_strategy_config[n.place], config),
                   coalesce(each_confidence_score[n.place], same.confidence_score),
                   coalesce(each_order_id[n.place], same.order_id), coalesce(each_exchange[n.place], same.exchange),
                   coalesce(each_timeframe[n.place], same.timeframe, engine.timeframe),
                   coalesce(each_mfe[n.place], same.mfe), coalesce(each_mfe_price[n.place], same.mfe_price),
                   coalesce(each_mfe_time[n.place], same.mfe_time), coalesce(each_mae[n.place], same.mae),
                   coalesce(each_mae_price[n.place], same.mae_price), coalesce(each_mae_time[n.place], same.mae_time),
                   coalesce(each_leverage[n.place], same.leverage), coalesce(each_entry_tag[n.place], same.entry_tag),
                   requests[n.place], content_hash
              FROM unnest(places) WITH ORDINALITY AS n (place, number)
             CROSS JOIN LATERAL (
                       SELECT coalesce(each_side[n.place], same.side) AS side,
                              coalesce(each_entry_price[n.place], same.entry_price) AS entry_price,
                              coalesce(each_exit_price[n.place], same.exit_price) AS exit_price,
                              coalesce(each_quantity[n.place], same.quantity) AS quantity
                   ) AS t
             ORDER BY n.number
            RETURNING id
        )
        SELECT array_agg(t.id ORDER BY t.id) INTO ids FROM trade AS t;
        PERFORM refuse_percent_of_balance(
                   session, s.size, NULL,
                   coalesce(each_quantity[s.place], same.quantity) * coalesce(each_entry_price[s.place], same.entry_price)
               )
           FROM (
                    SELECT n.place, coalesce(each_size[n.place], same.size) AS size
                      FROM unnest(places) AS n (place)
                     WHERE each_size IS NOT NULL OR same.size > 10
                ) AS s
          WHERE s.size > 10;
        IF cardinality(places) < total THEN
            SELECT array_agg(gross[n.place] ORDER BY n.number), array_agg(fees[n.place] ORDER BY n.number),
                   array_agg(interest[n.place] ORDER BY n.number), array_agg(received[n.place] ORDER BY n.number),
                   array_agg(each_exit_reason[n.place] ORDER BY n.number), array_agg(exits[n.place] ORDER BY n.number),
                   array_agg(requests[n.place] ORDER BY n.number)
              INTO gross, fees, interest, received, each_exit_reason, exits, requests
              FROM unnest(places) WITH ORDINALITY AS n (place, number);
        END IF;
        PERFORM book_in_order(
                   session, gross, fees, interest, received, each_exit_reason, exits, requests, content_hash
               );
    END IF;
    IF own_token IS NOT NULL THEN
        PERFORM fence(session, own_token);
    END IF;
    IF has_orders OR is_known THEN
        RETURN QUERY
        SELECT coalesce(known_ids[n.place], b.trade_id)
          FROM generate_series(1, total) AS n (place)
          LEFT JOIN logged_by(request, total) AS b ON b.number = coalesce(firsts[n.place], n.place)
         ORDER BY n.place;
    ELSE
        RETURN QUERY SELECT unnest(ids);
    END IF;
END
$$;
COMMENT ON FUNCTION log_trades_by_column IS
'Logs completed trades that have no positions, in their order, all or none, and books them; the ids of all that are '
'given, in their order. given: all, what all of them have by column, and rows, how many they are; each, the other '
'columns as texts of arrays. Raises AT404 and AT410 as active_session does, AT409 as known_trade does, AT412 for a '
'request with other content, AT422 as refuse_percent_of_balance does, AT423 as fence does.';

CREATE FUNCTION log_new_trades(session bigint, given json, request uuid, content_hash bigint, own_token uuid)
RETURNS SETOF bigint
LANGUAGE sql VOLATILE AS $$
    SELECT public.log_trades_by_column(
               session,
               (
                   SELECT json_build_object(
                       'all', json_build_object('rows', json_array_length(given)), 'each', row_to_json(c)
                   )
                     FROM (
                              SELECT
                                     array_agg(t.symbol)::text AS symbol, array_agg(t.side)::text AS side,
                                     array_agg(t.entry_price)::text AS entry_price,
                                     array_agg(t.exit_price)::text AS exit_price, array_agg(t.size)::text AS size,
                                     array_agg(t.entry_time)::text AS entry_time,
                                     array_agg(t.exit_time)::text AS exit_time, array_agg(t.pnl)::text AS pnl,
                                     array_agg(t.exit_reason)::text AS exit_reason,
                                     array_agg(t.strategy_name)::text AS strategy_name,
                                     array_agg(t.quantity)::text AS quantity,
                                     array_agg(t.commission)::text AS commission,
                                     array_agg(t.margin_interest_cost)::text AS margin_interest_cost,
                                     array_agg(t.funding)::text AS funding, array_agg(t.stop_loss)::text AS stop_loss,
                                     array_agg(t.take_profit)::text AS take_profit,
                                     array_agg(t.strategy_config)::text AS strategy_config,
                                     array_agg(t.confidence_score)::text AS confidence_score,
                                     array_agg(t.order_id)::text AS order_id, array_agg(t.exchange)::text AS exchange,
                                     array_agg(t.timeframe)::text AS timeframe, array_agg(t.mfe)::text AS mfe,
                                     array_agg(t.mfe_price)::text AS mfe_price,
                                     array_agg(t.mfe_time)::text AS mfe_time, array_agg(t.mae)::text AS mae,
                                     array_agg(t.mae_price)::text AS mae_price,
                                     array_agg(t.mae_time)::text AS mae_time, array_agg(t.leverage)::text AS leverage,
                                     array_agg(t.entry_tag)::text AS entry_tag
                                FROM json_to_recordset(given) AS t (
                                         symbol text, side text, entry_price text, exit_price text, size text,
                                         entry_time text, exit_time text, pnl text, exit_reason text,
                                         strategy_name text, quantity text, commission text,
                                         margin_interest_cost text, funding text, stop_loss text, take_profit text,
                                         strategy_config text, confidence_score text, order_id text, exchange text,
                                         timeframe text, mfe text, mfe_price text, mfe_time text, mae text,
                                         mae_price text, mae_time text, leverage text, entry_tag text
                                     )
                          ) AS c
               ),
               request, content_hash, own_token
           )
$$;
COMMENT ON FUNCTION log_new_trades IS
'As log_trades_by_column, for an engine of 0.11.0. given: an array of objects whose values are texts.';
