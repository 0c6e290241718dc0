-- Many trades booked at once: what row by row would leave, with each table written by one statement.

CREATE FUNCTION count_trades(
    session bigint,
    last_entry integer,
    gross numeric[],
    fees numeric[],
    interest numeric[],
    received numeric[],
    exit_times timestamptz[]
) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    initial CONSTANT numeric := (SELECT s.initial_balance FROM trading_sessions AS s WHERE s.id = session);
BEGIN
    INSERT INTO performance_metrics (
        session_id, period, period_start, period_end, opening_balance, total_trades, winning_trades, losing_trades,
        gross_profit, gross_loss, commission, margin_interest_cost, funding, best_trade_pnl, worst_trade_pnl,
        current_streak, largest_win_streak, largest_loss_streak, peak_balance, max_drawdown
    )
    WITH ordered AS MATERIALIZED (
        SELECT t.number, t.pnl, t.commission, t.margin_interest_cost, t.funding,
               t.pnl - t.commission - t.margin_interest_cost + t.funding AS net_pnl,
               (t.pnl > 0)::integer - (t.pnl < 0)::integer AS outcome, date_trunc('day', t.exit_time, 'UTC') AS day
          FROM unnest(gross, fees, interest, received, exit_times) WITH ORDINALITY
            AS t (pnl, commission, margin_interest_cost, funding, exit_time, number)
    ), days AS MATERIALIZED (
        SELECT o.day, count(*)::integer AS trades, (count(*) FILTER (WHERE o.outcome = 1))::integer AS wins,
               (count(*) FILTER (WHERE o.outcome = -1))::integer AS losses,
               coalesce(sum(o.pnl) FILTER (WHERE o.outcome = 1), 0) AS profit,
               coalesce(-sum(o.pnl) FILTER (WHERE o.outcome = -1), 0) AS loss, sum(o.commission) AS commission,
               sum(o.margin_interest_cost) AS interest, sum(o.funding) AS funding, max(o.pnl) AS best,
               min(o.pnl) AS worst
          FROM ordered AS o
         GROUP BY o.day
    ), added AS (
        SELECT 'DAILY'::metric_period AS period, d.day AS period_start, d.day + interval '24 hours' AS period_end,
               d.trades, d.wins, d.losses, d.profit, d.loss, d.commission, d.interest, d.funding, d.best, d.worst
          FROM days AS d
         UNION ALL
        SELECT 'ALL_TIME', 'epoch', NULL, sum(d.trades), sum(d.wins), sum(d.losses), sum(d.profit), sum(d.loss),
               sum(d.commission), sum(d.interest), sum(d.funding), max(d.best), min(d.worst)
          FROM days AS d
    ), stepped AS (
        SELECT p.period, p.period_start, o.number, o.outcome, first_value(o.number) OVER in_order AS first_number,
               row_number() OVER in_order AS place, sum(o.net_pnl) OVER in_order AS change
          FROM ordered AS o
         CROSS JOIN LATERAL (
                   VALUES ('DAILY'::metric_period, o.day), ('ALL_TIME'::metric_period, 'epoch'::timestamptz)
               ) AS p (period, period_start)
        WINDOW in_order AS (PARTITION BY p.period, p.period_start ORDER BY o.number ROWS UNBOUNDED PRECEDING)
    ), measured AS (
        SELECT s.period, s.period_start, s.first_number, s.outcome, s.place, s.change,
               greatest(max(s.change) OVER in_order, 0) AS top,
               s.place - max(s.place) FILTER (WHERE s.outcome <> 1) OVER in_order AS wins,
               s.place - max(s.place) FILTER (WHERE s.outcome <> -1) OVER in_order AS losses
          FROM stepped AS s
        WINDOW in_order AS (PARTITION BY s.period, s.period_start ORDER BY s.number ROWS UNBOUNDED PRECEDING)
    ), fallen AS (
        -- Of what follows one peak, the lowest value is the deepest.
        SELECT m.period, m.period_start, m.first_number, m.top, min(m.change) AS bottom,
               max(m.wins) AS wins, max(m.losses) AS losses,
               min(m.place) FILTER (WHERE m.outcome <> 1) AS first_not_won,
               max(m.place) FILTER (WHERE m.outcome <> 1) AS last_not_won,
               min(m.place) FILTER (WHERE m.outcome <> -1) AS first_not_lost,
               max(m.place) FILTER (WHERE m.outcome <> -1) AS last_not_lost
          FROM measured AS m
         GROUP BY m.period, m.period_start, m.first_number, m.top
    ), walked AS (
        SELECT f.period, f.period_start, n.opening, max(n.standing + f.top) AS peak,
               max(drawdown(greatest(m.peak_balance, n.standing + f.top), n.standing + f.bottom)) AS drawdown,
               max(f.wins) AS wins, max(f.losses) AS losses,
               min(f.first_not_won) AS first_not_won, max(f.last_not_won) AS last_not_won,
               min(f.first_not_lost) AS first_not_lost, max(f.last_not_lost) AS last_not_lost
          FROM fallen AS f
          JOIN account_balances AS l ON l.session_id = session AND l.entry_number = last_entry + f.first_number
          LEFT JOIN performance_metrics AS m
            ON m.session_id = session AND m.period = f.period AND m.period_start = f.period_start
         CROSS JOIN LATERAL (
                   SELECT CASE f.period WHEN 'DAILY' THEN l.previous_balance ELSE initial END AS opening
               ) AS o
         CROSS JOIN LATERAL (
                   SELECT o.opening, coalesce(m.opening_balance + m.net_pnl, o.opening) AS standing
               ) AS n
         GROUP BY f.period, f.period_start, n.opening
    )
    SELECT session, a.period, a.period_start, a.period_end, coalesce(m.opening_balance, w.opening),
           coalesce(m.total_trades, 0) + a.trades,
           coalesce(m.winning_trades, 0) + a.wins, coalesce(m.losing_trades, 0) + a.losses,
           coalesce(m.gross_profit, 0) + a.profit, coalesce(m.gross_loss, 0) + a.loss,
           coalesce(m.commission, 0) + a.commission, coalesce(m.margin_interest_cost, 0) + a.interest,
           coalesce(m.funding, 0) + a.funding, greatest(m.best_trade_pnl, a.best), least(m.worst_trade_pnl, a.worst),
           -- If all of them are won, or lost, the streak before goes on.
           coalesce(a.trades - w.last_not_won, a.trades + greatest(m.current_streak, 0))
           - coalesce(a.trades - w.last_not_lost, a.trades + greatest(-m.current_streak, 0)),
           greatest(
               m.largest_win_streak, w.wins, coalesce(w.first_not_won - 1, a.trades) + greatest(m.current_streak, 0)
           ),
           greatest(
               m.largest_loss_streak, w.losses,
               coalesce(w.first_not_lost - 1, a.trades) + greatest(-m.current_streak, 0)
           ),
           greatest(m.peak_balance, w.peak), greatest(m.max_drawdown, w.drawdown)
      FROM added AS a
      -- Each has what the other has. How many rows arrays have is not known to a plan: a plain join would compare each
      -- day with each other.
      FULL JOIN walked AS w ON w.period = a.period AND w.period_start = a.period_start
      LEFT JOIN performance_metrics AS m
        ON m.session_id = session AND m.period = a.period AND m.period_start = a.period_start
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
'Adds completed trades of one session, in their order, to the metrics of their days and of all time. Their ledger '
'entries are those after last_entry. Amounts in the session''s base currency.';

CREATE FUNCTION book_in_order(
    session bigint,
    gross numeric[],
    fees numeric[],
    interest numeric[],
    received numeric[],
    reasons text[],
    exit_times timestamptz[],
    requests uuid[],
    content_hash bigint
) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    opening numeric;
    last_entry integer;
    currency text;
BEGIN
    UPDATE trading_sessions AS s
       SET current_balance = s.current_balance + t.net_pnl,
           ledger_entries = s.ledger_entries + cardinality(gross)
      FROM (
               SELECT sum(b.pnl - b.fee - b.cost + b.funding) AS net_pnl
                 FROM unnest(gross, fees, interest, received) AS b (pnl, fee, cost, funding)
           ) AS t
     WHERE s.id = session AND s.end_time IS NULL
    RETURNING s.current_balance - t.net_pnl, s.ledger_entries - cardinality(gross), s.base_currency
      INTO opening, last_entry, currency;
    IF NOT FOUND THEN
        PERFORM active_session(session);
    END IF;
    INSERT INTO account_balances (
        session_id, entry_number, entry_type, previous_balance, pnl, commission, amount, delta,
        total_balance, base_currency,
        update_reason, updated_by, last_updated, request_id, request_hash
    )
    SELECT session, last_entry + t.number, 'TRADE', t.balance - t.net_pnl, t.pnl, t.fee, t.other, t.net_pnl,
           t.balance, currency, t.reason, 'engine', t.exit_time, t.request, content_hash
      FROM (
               SELECT b.number, b.pnl, b.fee, b.reason, b.exit_time, b.request, n.other, n.net_pnl,
                      opening + sum(n.net_pnl) OVER (ORDER BY b.number ROWS UNBOUNDED PRECEDING) AS balance
                 FROM unnest(gross, fees, interest, received, reasons, exit_times, requests) WITH ORDINALITY
                   AS b (pnl, fee, cost, funding, reason, exit_time, request, number)
                CROSS JOIN LATERAL (
                          SELECT b.funding - b.cost AS other, b.pnl - b.fee - b.cost + b.funding AS net_pnl
                      ) AS n
           ) AS t;
    PERFORM count_trades(session, last_entry, gross, fees, interest, received, exit_times);
END
$$;
COMMENT ON FUNCTION book_in_order IS
'Books completed trades of one session in their order, as book_trade does each with its whole net P&L: the change of '
'the balance, a ledger entry a trade, the metrics of their days and of all time. The arrays have a trade''s amounts, '
'in the session''s base currency, at the same place. Raises AT404 and AT410 as active_session does.';

CREATE FUNCTION book_trades(booked trades[]) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM permitted();
    IF booked IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM refuse_percent_of_balance(t.session_id, t.size, NULL, t.quantity * t.entry_price)
       FROM unnest(booked) AS t
      WHERE t.size > 10;
    PERFORM book_in_order(
               booked[1].session_id, array_agg(t.pnl::numeric), array_agg(t.commission::numeric),
               array_agg(t.margin_interest_cost::numeric), array_agg(t.funding::numeric),
               array_agg(t.exit_reason::text), array_agg(t.exit_time::timestamptz), array_agg(t.request_id),
               booked[1].request_hash
           )
       FROM unnest(booked) AS t;
    RETURN cardinality(booked);
END
$$;
COMMENT ON FUNCTION book_trades IS
'Books completed trades that one request of an engine of 0.10.0 has logged, as book_in_order does. The number of '
'trades; 0 for NULL.';

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

CREATE FUNCTION log_new_trades(session bigint, given json, request uuid, content_hash bigint, own_token uuid)
RETURNS SETOF bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    -- The first trade has the request's own id, the others count its last 48 bits up.
    prefix CONSTANT text := left(request::text, 24);
    first_request CONSTANT bigint := ('x' || right(request::text, 12))::bit(48)::bigint;
    has_orders CONSTANT boolean := strpos(given::text, '"order_id"') > 0;
    total integer;
    engine record;
    is_known boolean;
    known_ids bigint[];
    firsts bigint[];
    logged record;
BEGIN
    PERFORM permitted();
    -- A twin of this request waits here, and sees below what the first one has written.
    SELECT s.mode, s.timeframe INTO engine FROM trading_sessions AS s WHERE s.id = session FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM existing_session(session);
    END IF;
    IF has_orders OR EXISTS (SELECT FROM trades AS t WHERE t.request_id = request) THEN
        total := json_array_length(given);
        SELECT bool_and(b.content_hash = log_new_trades.content_hash) INTO is_known FROM logged_by(request, total) AS b;
        IF NOT is_known THEN
            PERFORM refuse_request(request);
        END IF;
    END IF;
    IF has_orders THEN
        SELECT array_agg(
                   CASE
                       WHEN t.order_id IS NOT NULL THEN known_trade(session, t.symbol, t.order_id, t.request_id)
                   END
                   ORDER BY t.number
               ),
               -- The same order twice is the same trade.
               array_agg(CASE WHEN t.order_id IS NULL THEN t.number ELSE t.first END ORDER BY t.number)
          INTO known_ids, firsts
          FROM (
                   SELECT j.symbol, j.order_id, j.number,
                          min(j.number) OVER (PARTITION BY j.symbol, j.order_id) AS first,
                          (
                              prefix || lpad(to_hex((first_request + j.number - 1) & x'ffffffffffff'::bigint), 12, '0')
                          )::uuid AS request_id
                     FROM ROWS FROM (json_to_recordset(given) AS (symbol text, order_id text)) WITH ORDINALITY
                       AS j (symbol, order_id, number)
               ) AS t;
    END IF;
    IF is_known IS NULL THEN
        WITH trade AS (
            INSERT INTO trades (
                session_id, symbol, side, source, entry_price, exit_price, size, quantity, entry_time, exit_time,
                pnl, pnl_percent, commission, margin_interest_cost, funding, stop_loss, take_profit, exit_reason,
                strategy_name, strategy_config, confidence_score, order_id, exchange, timeframe,
                mfe, mfe_price, mfe_time, mae, mae_price, mae_time, leverage, entry_tag, request_id, request_hash
            )
            SELECT session, t.symbol, t.side, engine.mode, t.entry_price, t.exit_price, t.size, t.quantity,
                   t.entry_time, greatest(t.entry_time, t.exit_time), as_booked(t.pnl),
                   round(
                       coalesce(
                           t.pnl / nullif(t.entry_price * t.quantity, 0),
                           gross_pnl(t.side, t.entry_price, t.exit_price, 1) / nullif(t.entry_price, 0),
                           0
                       ) * 100,
                       12
                   ),
                   as_booked(t.commission), as_booked(t.margin_interest_cost), as_booked(t.funding), t.stop_loss,
                   t.take_profit, t.exit_reason, t.strategy_name, t.strategy_config::jsonb, t.confidence_score,
                   t.order_id, t.exchange, coalesce(t.timeframe, engine.timeframe),
                   t.mfe, t.mfe_price, t.mfe_time, t.mae, t.mae_price, t.mae_time, t.leverage::size, t.entry_tag::label,
                   (prefix || lpad(to_hex((first_request + t.number - 1) & x'ffffffffffff'::bigint), 12, '0'))::uuid,
                   content_hash
              FROM ROWS FROM (
                       -- Plain types: the table's own domains check each value, once.
                       json_to_recordset(given) AS (
                           symbol text, side position_side, entry_price numeric, exit_price numeric, size numeric,
                           entry_time timestamptz, exit_time timestamptz, pnl numeric, exit_reason text,
                           strategy_name text, quantity numeric, commission numeric, margin_interest_cost numeric,
                           funding numeric, stop_loss numeric, take_profit numeric, strategy_config text,
                           confidence_score numeric, order_id text, exchange text, timeframe text, mfe numeric,
                           mfe_price numeric, mfe_time timestamptz, mae numeric, mae_price numeric,
                           mae_time timestamptz, leverage numeric, entry_tag text
                       )
                   ) WITH ORDINALITY AS t (
                       symbol, side, entry_price, exit_price, size, entry_time, exit_time, pnl, exit_reason,
                       strategy_name, quantity, commission, margin_interest_cost, funding, stop_loss, take_profit,
                       strategy_config, confidence_score, order_id, exchange, timeframe, mfe, mfe_price, mfe_time, mae,
                       mae_price, mae_time, leverage, entry_tag, number
                   )
             WHERE known_ids[t.number] IS NULL
               AND coalesce(firsts[t.number], t.number) = t.number
             ORDER BY t.number
            RETURNING id, size, pnl, commission, margin_interest_cost, funding, exit_reason, exit_time, request_id
        )
        SELECT array_agg(t.id) AS ids, max(t.size::numeric) AS largest, array_agg(t.pnl::numeric) AS gross,
               array_agg(t.commission::numeric) AS fees, array_agg(t.margin_interest_cost::numeric) AS interest,
               array_agg(t.funding::numeric) AS received, array_agg(t.exit_reason::text) AS reasons,
               array_agg(t.exit_time::timestamptz) AS exit_times, array_agg(t.request_id) AS requests
          INTO logged
          FROM (
                   SELECT r.id, r.size, r.pnl, r.commission, r.margin_interest_cost, r.funding, r.exit_reason,
                          r.exit_time, r.request_id
                     FROM trade AS r
                    ORDER BY r.id
               ) AS t;
        IF logged.largest > 10 THEN
            PERFORM refuse_percent_of_balance(session, t.size, NULL, t.quantity * t.entry_price)
               FROM trades AS t
              WHERE t.id = ANY (logged.ids)
                AND t.size > 10;
        END IF;
        IF logged.ids IS NOT NULL THEN
            PERFORM book_in_order(
                       session, logged.gross, logged.fees, logged.interest, logged.received, logged.reasons,
                       logged.exit_times, logged.requests, content_hash
                   );
        END IF;
    END IF;
    IF own_token IS NOT NULL THEN
        PERFORM fence(session, own_token);
    END IF;
    IF total IS NULL THEN
        RETURN QUERY SELECT unnest(logged.ids);
    ELSE
        RETURN QUERY
        SELECT coalesce(known_ids[n.number], b.trade_id)
          FROM generate_series(1, total) AS n (number)
          LEFT JOIN logged_by(request, total) AS b ON b.number = coalesce(firsts[n.number], n.number)
         ORDER BY n.number;
    END IF;
END
$$;
COMMENT ON FUNCTION log_new_trades IS
'Logs completed trades that have no positions, in their order, all or none, and books them; the ids of all that are '
'given, in their order. given: an array of objects whose values are texts. Raises AT404 and AT410 as active_session '
'does, AT409 as known_trade does, AT412 for a request with other content, AT422 as refuse_percent_of_balance does, '
'AT423 as fence does.';
