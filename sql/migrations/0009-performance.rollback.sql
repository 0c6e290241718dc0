-- Takes back what 0009-performance changes and adds.

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
    WITH counted AS MATERIALIZED (
        SELECT t.pnl, t.net_pnl, t.commission, t.margin_interest_cost, t.exit_time, t.id,
               extract(epoch FROM t.exit_time - t.entry_time) / 3600 AS holding_hours,
               row_number() OVER in_order AS place,
               -- A run of equal outcomes keeps this difference constant.
               row_number() OVER in_order
               - row_number() OVER (PARTITION BY sign(t.pnl) ORDER BY t.exit_time, t.id) AS run
          FROM public.chosen_trades(session, source, strategy, instrument, since, until) AS t
        WINDOW in_order AS (ORDER BY t.exit_time, t.id)
    ), totals AS (
        SELECT count(*)::integer AS trades,
               (count(*) FILTER (WHERE c.pnl > 0))::integer AS wins,
               (count(*) FILTER (WHERE c.pnl < 0))::integer AS losses,
               coalesce(sum(c.pnl) FILTER (WHERE c.pnl > 0), 0) AS profit,
               coalesce(-sum(c.pnl) FILTER (WHERE c.pnl < 0), 0) AS loss,
               coalesce(sum(c.commission), 0) AS commission,
               coalesce(sum(c.margin_interest_cost), 0) AS interest,
               coalesce(sum(c.net_pnl), 0) AS net,
               max(c.pnl) AS best, min(c.pnl) AS worst,
               avg(c.holding_hours) AS hours,
               avg(c.holding_hours) FILTER (WHERE c.pnl > 0) AS win_hours,
               avg(c.holding_hours) FILTER (WHERE c.pnl < 0) AS loss_hours
          FROM counted AS c
    ), runs AS (
        SELECT sign(c.pnl)::integer AS outcome, count(*)::integer AS length, max(c.place) AS last_place
          FROM counted AS c
         GROUP BY sign(c.pnl), c.run
    ), streaks AS (
        SELECT coalesce(max(r.length) FILTER (WHERE r.outcome = 1), 0) AS win,
               coalesce(max(r.length) FILTER (WHERE r.outcome = -1), 0) AS loss,
               coalesce(max(r.outcome * r.length) FILTER (WHERE r.last_place = t.trades), 0) AS current
          FROM runs AS r
         CROSS JOIN totals AS t
    ), days AS (
        SELECT date_trunc('day', c.exit_time, 'UTC') AS day, sum(c.net_pnl) AS net
          FROM counted AS c
         GROUP BY date_trunc('day', c.exit_time, 'UTC')
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
           s.win, s.loss, s.current, trim_scale(e.max_drawdown),
           trim_scale(t.hours), trim_scale(t.win_hours), trim_scale(t.loss_hours),
           best_day.day, best_day.net, worst_day.day, worst_day.net,
           e.days, trim_scale(round(g.annualized_return, 12)), trim_scale(r.annualized_volatility),
           trim_scale(r.sharpe_ratio), trim_scale(r.sortino_ratio),
           trim_scale(round(g.annualized_return / nullif(e.max_drawdown, 0), 12)), trim_scale(r.var_95)
      FROM totals AS t
     CROSS JOIN streaks AS s
     CROSS JOIN openings AS o
     CROSS JOIN equity AS e
     CROSS JOIN grown AS g
     CROSS JOIN LATERAL public.return_figures(e.returns) AS r
      LEFT JOIN best_day ON TRUE
      LEFT JOIN worst_day ON TRUE
$$;

CREATE OR REPLACE FUNCTION daily_equity(
    session bigint, source trade_source, strategy text, instrument text, since timestamptz, until timestamptz
) RETURNS TABLE (day timestamptz, equity numeric, daily_return numeric, max_drawdown numeric)
LANGUAGE sql STABLE AS $$
    WITH closing AS (
        SELECT date_trunc('day', e.time, 'UTC') AS day, max(e.opening) AS opening,
               (array_agg(e.equity ORDER BY e.place DESC))[1] AS equity, max(e.drawdown) AS max_drawdown
          FROM public.equity_series(session, source, strategy, instrument, since, until) AS e
         WHERE NOT e.is_opening
         GROUP BY date_trunc('day', e.time, 'UTC')
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

DROP FUNCTION equity_series(bigint, trade_source, text, text, timestamptz, timestamptz);

CREATE FUNCTION equity_series(
    session bigint, source trade_source, strategy text, instrument text, since timestamptz, until timestamptz
) RETURNS TABLE (
    "time" timestamptz, place bigint, is_opening boolean,
    opening numeric, equity numeric, peak numeric, drawdown numeric
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
               row_number() OVER in_order AS place,
               capital.opening + sum(change) OVER in_order AS equity
          FROM points
         CROSS JOIN (SELECT sum(opening_equity) AS opening FROM openings) AS capital
        WINDOW in_order AS (ORDER BY time, session_id, id ROWS UNBOUNDED PRECEDING)
    ), peaked AS (
        SELECT v.time, v.place, v.is_opening, v.opening, v.equity,
               max(v.equity) OVER (ORDER BY v.time, v.session_id, v.id ROWS UNBOUNDED PRECEDING) AS peak
          FROM valued AS v
         UNION ALL
        SELECT h.time, h.place, FALSE, s.opening_equity, h.equity, h.peak
          FROM single AS s
         CROSS JOIN LATERAL (
                   SELECT a.timestamp::timestamptz AS time, row_number() OVER in_order AS place,
                          a.equity::numeric AS equity, max(a.equity::numeric) OVER in_order AS peak
                     FROM public.account_history AS a
                    WHERE a.session_id = s.session_id
                      AND a.timestamp >= coalesce(since, '-infinity')
                      AND a.timestamp < coalesce(until, 'infinity')
                   WINDOW in_order AS (ORDER BY a.timestamp, a.id ROWS UNBOUNDED PRECEDING)
               ) AS h
    )
    SELECT p.time, p.place, p.is_opening, p.opening, p.equity, p.peak, public.drawdown(p.peak, p.equity)
      FROM peaked AS p
$$;
COMMENT ON FUNCTION equity_series IS
'The equity of the chosen sessions together, in base currency, at every snapshot (of a session without snapshots in '
'the span, or when a strategy or symbol is chosen: opening balance + cumulative net P&L at every trade''s exit, after '
'a first row that is the opening). Several sessions'' capital is added up as if it had been there from the beginning. '
'peak is the highest equity so far, drawdown = (peak - equity) / peak as a fraction, opening the capital before the '
'first row.';

DROP FUNCTION book_trades(trades[]);
