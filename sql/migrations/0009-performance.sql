-- Many trades booked at once; figures of performance in fewer passes over the trades and the equity.

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
           opening + sum(t.net_pnl) OVER in_order - t.net_pnl, t.net_pnl, opening + sum(t.net_pnl) OVER in_order,
           currency, t.exit_reason, 'engine', t.exit_time, t.request_id, t.request_hash
      FROM unnest(booked) WITH ORDINALITY AS t
    WINDOW in_order AS (ORDER BY t.ordinality ROWS UNBOUNDED PRECEDING);
    INSERT INTO performance_metrics AS kept (
        session_id, period, period_start, period_end, opening_balance, total_trades, winning_trades, losing_trades,
        gross_profit, gross_loss, commission, margin_interest_cost, best_trade_pnl, worst_trade_pnl,
        current_streak, largest_win_streak, largest_loss_streak, peak_balance, max_drawdown
    )
    WITH ordered AS (
        SELECT t.ordinality AS number, t.pnl, t.net_pnl, t.commission, t.margin_interest_cost,
               date_trunc('day', t.exit_time, 'UTC') AS day, sign(t.pnl)::integer AS outcome,
               opening - t.net_pnl + sum(t.net_pnl) OVER (ORDER BY t.ordinality ROWS UNBOUNDED PRECEDING) AS balance
          FROM unnest(booked) WITH ORDINALITY AS t
    ), counted AS (
        SELECT o.number, o.pnl, o.net_pnl, o.commission, o.margin_interest_cost, o.outcome,
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
               sum(m.commission) AS commission, sum(m.margin_interest_cost) AS interest,
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
           coalesce(m.margin_interest_cost, 0) + a.interest, greatest(m.best_trade_pnl, a.best),
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
'Books completed trades of one session in their order, as book_trade does each with its whole net P&L: the change of '
'the balance, a ledger entry a trade, the metrics of their days and of all time. The number of trades; 0 for NULL. '
'Raises AT404 and AT410 as active_session does.';

-- It gives one column more; only functions call it, and they are replaced below.
-- squawk-ignore ban-drop-function
DROP FUNCTION equity_series(bigint, trade_source, text, text, timestamptz, timestamptz);

CREATE FUNCTION equity_series(
    session bigint, source trade_source, strategy text, instrument text, since timestamptz, until timestamptz
) RETURNS TABLE (
    "time" timestamptz, place bigint, is_opening boolean,
    opening numeric, equity numeric, peak numeric, drawdown numeric, next_time timestamptz
)
LANGUAGE sql STABLE AS $$
    WITH openings AS MATERIALIZED (
        SELECT o.session_id, o.start_time, o.by_snapshots, o.opening_equity
          FROM public.chosen_openings(session, source, strategy, instrument, since, until) AS o
    ), single AS (
        -- The snapshots of one session are its equity as they are, which takes half as long as adding up changes.
        SELECT o.session_id, o.opening_equity
          FROM openings AS o
         WHERE o.by_snapshots AND (SELECT count(*) FROM openings) = 1
    ), changes AS (
        SELECT c.time, o.session_id, c.id, c.change
          FROM openings AS o
         CROSS JOIN LATERAL (
                   SELECT h.timestamp::timestamptz AS time, h.id,
                          h.equity - lag(h.equity::numeric, 1, o.opening_equity) OVER (
                              ORDER BY h.timestamp, h.id
                          ) AS change
                     FROM public.account_history AS h
                    WHERE o.by_snapshots
                      AND h.session_id = o.session_id
                      AND h.timestamp >= coalesce(since, '-infinity')
                      AND h.timestamp < coalesce(until, 'infinity')
                    UNION ALL
                   SELECT t.exit_time, t.id, t.net_pnl
                     FROM public.trades AS t
                    WHERE NOT o.by_snapshots
                      AND t.session_id = o.session_id
                      AND t.exit_time >= coalesce(since, '-infinity')
                      AND t.exit_time < coalesce(until, 'infinity')
                      AND t.strategy_name = coalesce(strategy, t.strategy_name)
                      AND t.symbol = coalesce(instrument, t.symbol)
               ) AS c
         WHERE NOT EXISTS (SELECT FROM single)
    ), points AS (
        SELECT time, session_id, id, change, FALSE AS is_opening
          FROM changes
         UNION ALL
        -- A balance starts somewhere; a series of snapshots starts with its first.
        SELECT least(coalesce(since, min(start_time)), (SELECT min(time) FROM changes)), 0, 0, 0, TRUE
          FROM openings
        HAVING NOT bool_or(by_snapshots)
    ), valued AS (
        SELECT time, session_id, id, is_opening, capital.opening,
               row_number() OVER in_order AS place, lead(time) OVER in_order AS next_time,
               capital.opening + sum(change) OVER in_order AS equity
          FROM points
         CROSS JOIN (SELECT sum(opening_equity) AS opening FROM openings) AS capital
        WINDOW in_order AS (ORDER BY time, session_id, id ROWS UNBOUNDED PRECEDING)
    ), peaked AS (
        SELECT v.time, v.place, v.is_opening, v.opening, v.equity, v.next_time,
               max(v.equity) OVER (ORDER BY v.time, v.session_id, v.id ROWS UNBOUNDED PRECEDING) AS peak
          FROM valued AS v
         UNION ALL
        SELECT h.time, h.place, FALSE, s.opening_equity, h.equity, h.next_time, h.peak
          FROM single AS s
         CROSS JOIN LATERAL (
                   SELECT a.timestamp::timestamptz AS time, row_number() OVER in_order AS place,
                          a.equity::numeric AS equity, max(a.equity::numeric) OVER in_order AS peak,
                          lead(a.timestamp::timestamptz) OVER in_order AS next_time
                     FROM public.account_history AS a
                    WHERE a.session_id = s.session_id
                      AND a.timestamp >= coalesce(since, '-infinity')
                      AND a.timestamp < coalesce(until, 'infinity')
                   WINDOW in_order AS (ORDER BY a.timestamp, a.id ROWS UNBOUNDED PRECEDING)
               ) AS h
    )
    SELECT p.time, p.place, p.is_opening, p.opening, p.equity, p.peak, public.drawdown(p.peak, p.equity), p.next_time
      FROM peaked AS p
$$;
COMMENT ON FUNCTION equity_series IS
'The equity of the chosen sessions together, in base currency, at every snapshot (of a session without snapshots in '
'the span, or when a strategy or symbol is chosen: opening balance + cumulative net P&L at every trade''s exit, after '
'a first row that is the opening). Several sessions'' capital is added up as if it had been there from the beginning. '
'peak is the highest equity so far, drawdown = (peak - equity) / peak as a fraction, opening the capital before the '
'first row, next_time the next row''s time.';

CREATE OR REPLACE FUNCTION daily_equity(
    session bigint, source trade_source, strategy text, instrument text, since timestamptz, until timestamptz
) RETURNS TABLE (day timestamptz, equity numeric, daily_return numeric, max_drawdown numeric)
LANGUAGE sql STABLE AS $$
    WITH points AS (
        SELECT date_trunc('day', e.time, 'UTC') AS day, e.opening, e.equity, e.peak, e.next_time
          FROM public.equity_series(session, source, strategy, instrument, since, until) AS e
         WHERE NOT e.is_opening
    ), falls AS (
        -- Below one peak the lowest equity is the deepest fall: one division for all of them.
        SELECT p.day, p.peak, max(p.opening) AS opening, min(p.equity) AS lowest,
               max(p.equity) FILTER (
                   WHERE p.next_time IS NULL OR p.next_time >= p.day + interval '24 hours'
               ) AS closing
          FROM points AS p
         GROUP BY p.day, p.peak
    ), closing AS (
        SELECT f.day, max(f.opening) AS opening, max(f.closing) AS equity,
               max(public.drawdown(f.peak, f.lowest)) AS max_drawdown
          FROM falls AS f
         GROUP BY f.day
    ), followed AS (
        SELECT c.day, c.equity, c.max_drawdown,
               lag(c.equity, 1, c.opening) OVER in_order AS before,
               lead(c.day, 1, c.day + interval '24 hours') OVER in_order AS next_day
          FROM closing AS c
        WINDOW in_order AS (ORDER BY c.day)
    )
    SELECT d.day, f.equity,
           CASE WHEN d.day > f.day THEN 0 WHEN f.before > 0 THEN round(f.equity / f.before - 1, 12) END,
           f.max_drawdown
      FROM followed AS f
     CROSS JOIN LATERAL generate_series(f.day, f.next_day - interval '24 hours', interval '24 hours') AS d (day)
$$;

CREATE OR REPLACE FUNCTION performance_figures(
    session bigint, source trade_source, strategy text, instrument text, since timestamptz, until timestamptz
) RETURNS TABLE (
    total_trades integer, winning_trades integer, losing_trades integer, win_rate numeric,
    gross_profit numeric, gross_loss numeric, gross_pnl numeric, commission numeric, margin_interest_cost numeric,
    net_pnl numeric, total_return_percent numeric, profit_factor numeric, expectancy numeric, avg_win numeric,
    avg_loss numeric, best_trade_pnl numeric, worst_trade_pnl numeric, largest_win_streak integer,
    largest_loss_streak integer, current_streak integer, max_drawdown numeric,
    avg_holding_hours numeric, avg_win_holding_hours numeric, avg_loss_holding_hours numeric,
    best_day timestamptz, best_day_net_pnl numeric, worst_day timestamptz, worst_day_net_pnl numeric,
    equity_days integer, annualized_return numeric, annualized_volatility numeric, sharpe_ratio numeric,
    sortino_ratio numeric, calmar_ratio numeric, var_95 numeric
)
LANGUAGE sql STABLE AS $$
    WITH ordered AS (
        SELECT t.id, t.exit_time, t.pnl, t.net_pnl, t.commission, t.margin_interest_cost,
               t.exit_time - t.entry_time AS held, sign(t.pnl)::integer AS outcome,
               row_number() OVER in_order AS place,
               -- Where a run of equal outcomes begins.
               CASE
                   WHEN lag(sign(t.pnl)) OVER in_order IS DISTINCT FROM sign(t.pnl) THEN row_number() OVER in_order
               END AS run_start,
               lead(t.id) OVER in_order IS NULL AS is_last
          FROM public.chosen_trades(session, source, strategy, instrument, since, until) AS t
        WINDOW in_order AS (ORDER BY t.exit_time, t.id)
    ), counted AS (
        SELECT o.exit_time, o.pnl, o.net_pnl, o.commission, o.margin_interest_cost, o.held, o.outcome, o.is_last,
               (
                   o.place + 1 - max(o.run_start) OVER (ORDER BY o.exit_time, o.id ROWS UNBOUNDED PRECEDING)
               )::integer AS streak
          FROM ordered AS o
    ), days AS MATERIALIZED (
        SELECT date_trunc('day', c.exit_time, 'UTC') AS day, count(*) AS trades,
               count(*) FILTER (WHERE c.outcome = 1) AS wins, count(*) FILTER (WHERE c.outcome = -1) AS losses,
               sum(c.pnl) FILTER (WHERE c.outcome = 1) AS profit, -sum(c.pnl) FILTER (WHERE c.outcome = -1) AS loss,
               sum(c.commission) AS commission, sum(c.margin_interest_cost) AS interest, sum(c.net_pnl) AS net,
               max(c.pnl) AS best, min(c.pnl) AS worst, sum(c.held) AS held,
               sum(c.held) FILTER (WHERE c.outcome = 1) AS wins_held,
               sum(c.held) FILTER (WHERE c.outcome = -1) AS losses_held,
               max(c.streak) FILTER (WHERE c.outcome = 1) AS win_streak,
               max(c.streak) FILTER (WHERE c.outcome = -1) AS loss_streak,
               max(c.outcome * c.streak) FILTER (WHERE c.is_last) AS current_streak
          FROM counted AS c
         GROUP BY date_trunc('day', c.exit_time, 'UTC')
    ), totals AS (
        SELECT coalesce(sum(d.trades), 0)::integer AS trades, coalesce(sum(d.wins), 0)::integer AS wins,
               coalesce(sum(d.losses), 0)::integer AS losses, coalesce(sum(d.profit), 0) AS profit,
               coalesce(sum(d.loss), 0) AS loss, coalesce(sum(d.commission), 0) AS commission,
               coalesce(sum(d.interest), 0) AS interest, coalesce(sum(d.net), 0) AS net,
               max(d.best) AS best, min(d.worst) AS worst,
               extract(epoch FROM sum(d.held)) / 3600 AS hours,
               extract(epoch FROM sum(d.wins_held)) / 3600 AS win_hours,
               extract(epoch FROM sum(d.losses_held)) / 3600 AS loss_hours,
               coalesce(max(d.win_streak), 0) AS win_streak, coalesce(max(d.loss_streak), 0) AS loss_streak,
               coalesce(max(d.current_streak), 0) AS current_streak
          FROM days AS d
    ), best_day AS (
        SELECT d.day, d.net FROM days AS d ORDER BY d.net DESC, d.day LIMIT 1
    ), worst_day AS (
        SELECT d.day, d.net FROM days AS d ORDER BY d.net, d.day LIMIT 1
    ), openings AS (
        SELECT sum(o.opening_balance) AS balance, sum(o.opening_equity) AS equity
          FROM public.chosen_openings(session, source, strategy, instrument, since, until) AS o
    ), equity AS (
        SELECT count(*)::integer AS days, array_agg(e.daily_return) AS returns,
               coalesce(max(e.max_drawdown), 0) AS max_drawdown,
               (array_agg(e.equity ORDER BY e.day DESC))[1] AS closing
          FROM public.daily_equity(session, source, strategy, instrument, since, until) AS e
    ), grown AS (
        SELECT CASE
                   WHEN e.days > 1 AND o.equity > 0
                       THEN power(greatest(e.closing, 0) / o.equity, 365::numeric / e.days) - 1
               END AS annualized_return
          FROM equity AS e
         CROSS JOIN openings AS o
    )
    SELECT t.trades, t.wins, t.losses, trim_scale(t.wins::numeric / nullif(t.trades, 0)),
           t.profit, t.loss, t.profit - t.loss, t.commission, t.interest, t.net,
           trim_scale(t.net / nullif(o.balance, 0) * 100),
           trim_scale(t.profit / nullif(t.loss, 0)), trim_scale((t.profit - t.loss) / nullif(t.trades, 0)),
           trim_scale(t.profit / nullif(t.wins, 0)), trim_scale(-t.loss / nullif(t.losses, 0)), t.best, t.worst,
           t.win_streak, t.loss_streak, t.current_streak, trim_scale(e.max_drawdown),
           trim_scale(t.hours / nullif(t.trades, 0)), trim_scale(t.win_hours / nullif(t.wins, 0)),
           trim_scale(t.loss_hours / nullif(t.losses, 0)),
           best_day.day, best_day.net, worst_day.day, worst_day.net,
           e.days, trim_scale(round(g.annualized_return, 12)), trim_scale(r.annualized_volatility),
           trim_scale(r.sharpe_ratio), trim_scale(r.sortino_ratio),
           trim_scale(round(g.annualized_return / nullif(e.max_drawdown, 0), 12)), trim_scale(r.var_95)
      FROM totals AS t
     CROSS JOIN openings AS o
     CROSS JOIN equity AS e
     CROSS JOIN grown AS g
     CROSS JOIN LATERAL public.return_figures(e.returns) AS r
      LEFT JOIN best_day ON TRUE
      LEFT JOIN worst_day ON TRUE
$$;
