-- Many trades booked at once: what row by row would leave, with each table written by one statement.

CREATE FUNCTION numbered_request(request uuid, number bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$
    SELECT (
               left(request::text, 24)
               || lpad(
                   to_hex((('x' || right(request::text, 12))::bit(48)::bigint + number - 1) & 281474976710655), 12, '0'
               )
           )::uuid
$$;
COMMENT ON FUNCTION numbered_request IS
'The request_id of the nth of several rows that one request records: the request''s own for the first, then counting '
'its last 48 bits up.';

CREATE FUNCTION trade_pnl_percent(
    side position_side, entry_price numeric, exit_price numeric, quantity numeric, pnl numeric
) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
    SELECT round(
               coalesce(pnl / (entry_price * quantity), gross_pnl(side, entry_price, exit_price, 1) / entry_price)
               * 100,
               12
           )
$$;
COMMENT ON FUNCTION trade_pnl_percent IS
'pnl in percent of everything entered (price x quantity); without a quantity, the price''s move in the trade''s favour '
'(5 = 5 %), rounded to 12 digits.';

CREATE FUNCTION book_trades(booked trades[]) RETURNS integer
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    session bigint := booked[1].session_id;
    initial numeric;
    opening numeric;
    last_entry integer;
    currency text;
BEGIN
    IF booked IS NULL THEN
        RETURN 0;
    END IF;
    UPDATE trading_sessions AS s
       SET current_balance = s.current_balance + t.net_pnl,
           ledger_entries = s.ledger_entries + cardinality(booked)
      FROM (SELECT sum(net_pnl) AS net_pnl FROM unnest(booked)) AS t
     WHERE s.id = session AND s.end_time IS NULL
    RETURNING s.initial_balance, s.current_balance - t.net_pnl, s.ledger_entries - cardinality(booked), s.base_currency
      INTO initial, opening, last_entry, currency;
    IF NOT FOUND THEN
        PERFORM active_session(session);
    END IF;
    INSERT INTO account_balances (
        session_id, entry_number, entry_type, previous_balance, delta, total_balance, base_currency,
        update_reason, updated_by, last_updated, request_id, request_hash
    )
    SELECT session, last_entry + t.ordinality, 'TRADE',
           opening + sum(t.net_pnl) OVER in_order - t.net_pnl, t.net_pnl, opening + sum(t.net_pnl) OVER in_order, currency,
           t.exit_reason, 'engine', t.exit_time, t.request_id, t.request_hash
      FROM unnest(booked) WITH ORDINALITY AS t
    WINDOW in_order AS (ORDER BY t.ordinality ROWS UNBOUNDED PRECEDING);
    INSERT INTO performance_metrics AS kept (
        session_id, period, period_start, period_end, opening_balance, total_trades, winning_trades, losing_trades,
        gross_profit, gross_loss, commission, margin_interest_cost, best_trade_pnl, worst_trade_pnl,
        current_streak, largest_win_streak, largest_loss_streak, peak_balance, max_drawdown
    )
    WITH ordered AS (
        SELECT t.ordinality AS number, t.pnl, t.net_pnl, t.commission, t.margin_interest_cost,
               date_trunc('day', t.exit_time, 'UTC') AS day,
               opening - t.net_pnl + sum(t.net_pnl) OVER (ORDER BY t.ordinality ROWS UNBOUNDED PRECEDING) AS balance
          FROM unnest(booked) WITH ORDINALITY AS t
    ), counted AS (
        SELECT o.number, o.pnl, o.net_pnl, o.commission, o.margin_interest_cost, p.period, p.period_start, p.period_end,
               p.opening
          FROM ordered AS o
         CROSS JOIN LATERAL (
                   VALUES ('DAILY'::metric_period, o.day, o.day + interval '24 hours', o.balance),
                          ('ALL_TIME'::metric_period, 'epoch'::timestamptz, NULL, initial)
               ) AS p (period, period_start, period_end, opening)
    ), valued AS (
        SELECT c.*, m AS before,
               coalesce(m.opening_balance, first_value(c.opening) OVER in_order) AS opening_balance,
               coalesce(m.opening_balance + m.net_pnl, first_value(c.opening) OVER in_order)
               + sum(c.net_pnl) OVER in_order AS value,
               -- A run of equal outcomes keeps this difference constant; the first one continues the streak before.
               row_number() OVER in_order - row_number() OVER (
                   PARTITION BY c.period, c.period_start, sign(c.pnl) ORDER BY c.number
               ) AS run
          FROM counted AS c
          LEFT JOIN performance_metrics AS m
            ON m.session_id = session AND m.period = c.period AND m.period_start = c.period_start
        WINDOW in_order AS (PARTITION BY c.period, c.period_start ORDER BY c.number ROWS UNBOUNDED PRECEDING)
    ), measured AS (
        SELECT v.*,
               greatest(
                   coalesce((v.before).peak_balance, v.opening_balance), max(v.value) OVER (
                       PARTITION BY v.period, v.period_start ORDER BY v.number ROWS UNBOUNDED PRECEDING
                   )
               ) AS peak,
               sign(v.pnl)::integer * (
                   row_number() OVER (
                       PARTITION BY v.period, v.period_start, sign(v.pnl), v.run ORDER BY v.number
                   )
                   + CASE
                         WHEN v.run = 0 AND sign((v.before).current_streak) = sign(v.pnl)
                             THEN abs((v.before).current_streak)
                         ELSE 0
                     END
               ) AS streak
          FROM valued AS v
    )
    SELECT session, m.period, m.period_start, m.period_end, m.opening_balance,
           coalesce(max((m.before).total_trades), 0) + count(*),
           coalesce(max((m.before).winning_trades), 0) + count(*) FILTER (WHERE m.pnl > 0),
           coalesce(max((m.before).losing_trades), 0) + count(*) FILTER (WHERE m.pnl < 0),
           coalesce(max((m.before).gross_profit), 0) + sum(greatest(m.pnl, 0)),
           coalesce(max((m.before).gross_loss), 0) + sum(greatest(-m.pnl, 0)),
           coalesce(max((m.before).commission), 0) + sum(m.commission),
           coalesce(max((m.before).margin_interest_cost), 0) + sum(m.margin_interest_cost),
           greatest(max((m.before).best_trade_pnl), max(m.pnl)),
           least(max((m.before).worst_trade_pnl), min(m.pnl)),
           (array_agg(m.streak ORDER BY m.number DESC))[1],
           greatest(max((m.before).largest_win_streak), max(m.streak), 0),
           greatest(max((m.before).largest_loss_streak), max(-m.streak), 0),
           max(m.peak),
           greatest(max((m.before).max_drawdown), max(drawdown(m.peak, m.value)))
      FROM measured AS m
     GROUP BY m.period, m.period_start, m.period_end, m.opening_balance
    ON CONFLICT (session_id, period, period_start) DO UPDATE
       SET total_trades = excluded.total_trades,
           winning_trades = excluded.winning_trades,
           losing_trades = excluded.losing_trades,
           gross_profit = excluded.gross_profit,
           gross_loss = excluded.gross_loss,
           commission = excluded.commission,
           margin_interest_cost = excluded.margin_interest_cost,
           best_trade_pnl = excluded.best_trade_pnl,
           worst_trade_pnl = excluded.worst_trade_pnl,
           current_streak = excluded.current_streak,
           largest_win_streak = excluded.largest_win_streak,
           largest_loss_streak = excluded.largest_loss_streak,
           peak_balance = excluded.peak_balance,
           max_drawdown = excluded.max_drawdown;
    RETURN cardinality(booked);
END
$$;
COMMENT ON FUNCTION book_trades IS
'Books completed trades of one session in their order, as book_trade does each with its whole net P&L: the change of the '
'balance, a ledger entry a trade, the metrics of their days and of all time. The number of trades; 0 for NULL. Raises '
'AT404 and AT410 as active_session does.';
