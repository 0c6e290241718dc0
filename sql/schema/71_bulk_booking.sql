-- Many trades booked at once: what row by row would leave, with each table written by one statement.

CREATE FUNCTION count_trades(booked trades[], balances numeric[]) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    session bigint := booked[1].session_id;
    initial numeric;
BEGIN
    SELECT s.initial_balance INTO initial FROM trading_sessions AS s WHERE s.id = session;
    INSERT INTO performance_metrics AS kept (
        session_id, period, period_start, period_end, opening_balance, total_trades, winning_trades, losing_trades,
        gross_profit, gross_loss, commission, margin_interest_cost, funding, best_trade_pnl, worst_trade_pnl,
        current_streak, largest_win_streak, largest_loss_streak, peak_balance, max_drawdown
    )
    WITH ordered AS (
        SELECT t.ordinality AS number, t.pnl, t.net_pnl, t.commission, t.margin_interest_cost, t.funding,
               date_trunc('day', t.exit_time, 'UTC') AS day, sign(t.pnl)::integer AS outcome,
               -- What was booked before, at entries and partial exits, is part of the trade's net P&L.
               b.balance - t.net_pnl AS balance
          FROM unnest(booked) WITH ORDINALITY AS t
          JOIN unnest(balances) WITH ORDINALITY AS b (balance, number) ON b.number = t.ordinality
    ), counted AS (
        SELECT o.number, o.pnl, o.net_pnl, o.commission, o.margin_interest_cost, o.funding, o.outcome,
               p.period, p.period_start, p.period_end, m.peak_balance, m.current_streak,
               m.opening_balance + m.net_pnl AS standing, p.opening
          FROM ordered AS o
         CROSS JOIN LATERAL (
                   VALUES ('DAILY'::metric_period, o.day, o.day + interval '24 hours', o.balance),
                          ('ALL_TIME'::metric_period, 'epoch'::timestamptz, NULL, initial)
               ) AS p (period, period_start, period_end, opening)
          LEFT JOIN performance_metrics AS m
            ON m.session_id = session AND m.period = p.period AND m.period_start = p.period_start
    ), valued AS (
        SELECT c.*, row_number() OVER in_order AS place, first_value(c.opening) OVER in_order AS first_opening,
               coalesce(c.standing, first_value(c.opening) OVER in_order) + sum(c.net_pnl) OVER in_order AS value,
               -- Where a run of equal outcomes begins; at 0 if it continues the streak before the first trade.
               CASE
                   WHEN lag(c.outcome, 1, sign(c.current_streak)::integer) OVER in_order IS DISTINCT FROM c.outcome
                       THEN row_number() OVER in_order
               END AS run_start,
               lead(c.number) OVER in_order IS NULL AS is_last
          FROM counted AS c
        WINDOW in_order AS (PARTITION BY c.period, c.period_start ORDER BY c.number ROWS UNBOUNDED PRECEDING)
    ), measured AS (
        SELECT v.*,
               greatest(coalesce(v.peak_balance, v.first_opening), max(v.value) OVER in_order) AS peak,
               v.outcome * (
                   v.place - coalesce(max(v.run_start) OVER in_order - 1, -abs(v.current_streak))
               )::integer AS streak
          FROM valued AS v
        WINDOW in_order AS (PARTITION BY v.period, v.period_start ORDER BY v.number ROWS UNBOUNDED PRECEDING)
    ), added AS (
        SELECT m.period, m.period_start, m.period_end, m.first_opening, count(*)::integer AS trades,
               (count(*) FILTER (WHERE m.outcome = 1))::integer AS wins,
               (count(*) FILTER (WHERE m.outcome = -1))::integer AS losses,
               sum(greatest(m.pnl, 0)) AS profit, sum(greatest(-m.pnl, 0)) AS loss,
               sum(m.commission) AS commission, sum(m.margin_interest_cost) AS interest, sum(m.funding) AS funding,
               max(m.pnl) AS best, min(m.pnl) AS worst, max(m.streak) FILTER (WHERE m.is_last) AS streak,
               greatest(max(m.streak), 0) AS win_streak, greatest(max(-m.streak), 0) AS loss_streak,
               max(m.peak) AS peak, max(drawdown(m.peak, m.value)) AS drawdown
          FROM measured AS m
         GROUP BY m.period, m.period_start, m.period_end, m.first_opening
    )
    SELECT session, a.period, a.period_start, a.period_end, coalesce(m.opening_balance, a.first_opening),
           coalesce(m.total_trades, 0) + a.trades, coalesce(m.winning_trades, 0) + a.wins,
           coalesce(m.losing_trades, 0) + a.losses, coalesce(m.gross_profit, 0) + a.profit,
           coalesce(m.gross_loss, 0) + a.loss, coalesce(m.commission, 0) + a.commission,
           coalesce(m.margin_interest_cost, 0) + a.interest, coalesce(m.funding, 0) + a.funding, greatest(m.best_trade_pnl, a.best),
           least(m.worst_trade_pnl, a.worst), a.streak, greatest(m.largest_win_streak, a.win_streak),
           greatest(m.largest_loss_streak, a.loss_streak), greatest(m.peak_balance, a.peak),
           greatest(m.max_drawdown, a.drawdown)
      FROM added AS a
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
'Adds completed trades of one session, in their order, to the metrics of their days and of all time, as count_trade '
'does each; balances are those after the last ledger entry of each.';

CREATE FUNCTION book_trades(booked trades[]) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    session bigint := booked[1].session_id;
    opening numeric;
    last_entry integer;
    currency text;
BEGIN
    PERFORM permitted();
    IF booked IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM refuse_percent_of_balance(session, t.size, NULL, t.quantity * t.entry_price)
       FROM unnest(booked) AS t
      WHERE t.size > 10;
    UPDATE trading_sessions AS s
       SET current_balance = s.current_balance + t.net_pnl,
           ledger_entries = s.ledger_entries + cardinality(booked)
      FROM (SELECT sum(net_pnl) AS net_pnl FROM unnest(booked)) AS t
     WHERE s.id = session AND s.end_time IS NULL
    RETURNING s.current_balance - t.net_pnl, s.ledger_entries - cardinality(booked), s.base_currency
      INTO opening, last_entry, currency;
    IF NOT FOUND THEN
        PERFORM active_session(session);
    END IF;
    INSERT INTO account_balances (
        session_id, entry_number, entry_type, previous_balance, pnl, commission, amount, delta,
        total_balance, base_currency,
        update_reason, updated_by, last_updated, request_id, request_hash
    )
    SELECT session, last_entry + t.ordinality, 'TRADE',
           opening + sum(t.net_pnl) OVER in_order - t.net_pnl, t.pnl, t.commission,
           t.funding - t.margin_interest_cost, t.net_pnl, opening + sum(t.net_pnl) OVER in_order,
           currency, t.exit_reason, 'engine', t.exit_time, t.request_id, t.request_hash
      FROM unnest(booked) WITH ORDINALITY AS t
    WINDOW in_order AS (ORDER BY t.ordinality ROWS UNBOUNDED PRECEDING);
    PERFORM count_trades(
        booked,
        (
            SELECT array_agg(b.balance ORDER BY b.ordinality)
              FROM (
                       SELECT t.ordinality, opening + sum(t.net_pnl) OVER (
                                  ORDER BY t.ordinality ROWS UNBOUNDED PRECEDING
                              ) AS balance
                         FROM unnest(booked) WITH ORDINALITY AS t
                   ) AS b
        )
    );
    RETURN cardinality(booked);
END
$$;
COMMENT ON FUNCTION book_trades IS
'Books completed trades of one session in their order, as book_trade does each with its whole net P&L: the change of '
'the balance, a ledger entry a trade, the metrics of their days and of all time. The number of trades; 0 for NULL. '
'Raises AT404 and AT410 as active_session does.';
