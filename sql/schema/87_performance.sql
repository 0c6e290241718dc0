-- What is made of the chosen trades and their equity: figures of performance, curves, sums of P&L.

CREATE FUNCTION return_figures(daily_returns numeric[])
RETURNS TABLE (annualized_volatility numeric, sharpe_ratio numeric, sortino_ratio numeric, var_95 numeric)
LANGUAGE sql IMMUTABLE AS $$
    SELECT round(f.deviation * sqrt(365::numeric), 12),
           round(f.mean / nullif(f.deviation, 0) * sqrt(365::numeric), 12),
           round(f.mean / nullif(f.downside, 0) * sqrt(365::numeric), 12),
           CASE WHEN f.days > 1 THEN round(f.fifth_percentile, 12) END
      FROM (
               SELECT count(r) AS days, avg(r) AS mean, stddev_samp(r) AS deviation,
                      CASE WHEN count(r) > 1 THEN sqrt(avg(least(r, 0) * least(r, 0))) END AS downside,
                      percentile_disc(0.05) WITHIN GROUP (ORDER BY r) AS fifth_percentile
                 FROM unnest(daily_returns) AS returns (r)
                WHERE r IS NOT NULL
           ) AS f
$$;
COMMENT ON FUNCTION return_figures IS
'Figures over daily returns (fractions), rounded to 12 digits, NULL with fewer than two of them, annualised with the '
'square root of 365 because the market trades every day: volatility = sample standard deviation; Sharpe ratio = mean / '
'standard deviation; Sortino ratio = mean / root mean square of the negative returns over all days; VaR 95 = the '
'return that 5 % of the days do not exceed, a fraction, negative for a loss. A ratio by zero is NULL.';

CREATE FUNCTION performance_figures(
    session bigint, source trade_source, strategy text, instrument text, since timestamptz, until timestamptz
) RETURNS TABLE (
    total_trades integer, winning_trades integer, losing_trades integer, win_rate numeric,
    gross_profit numeric, gross_loss numeric, gross_pnl numeric, commission numeric, margin_interest_cost numeric,
    funding numeric, net_pnl numeric, total_return_percent numeric, profit_factor numeric, expectancy numeric,
    avg_win numeric,
    avg_loss numeric, best_trade_pnl numeric, worst_trade_pnl numeric, largest_win_streak integer,
    largest_loss_streak integer, current_streak integer, max_drawdown numeric,
    avg_holding_hours numeric, avg_win_holding_hours numeric, avg_loss_holding_hours numeric,
    best_day timestamptz, best_day_net_pnl numeric, worst_day timestamptz, worst_day_net_pnl numeric,
    equity_days integer, annualized_return numeric, annualized_volatility numeric, sharpe_ratio numeric,
    sortino_ratio numeric, calmar_ratio numeric, var_95 numeric
)
LANGUAGE sql STABLE AS $$
    WITH kept AS MATERIALIZED (
        SELECT k.*
          FROM public.chosen_sessions(session, source, NULL, NULL) AS s
         CROSS JOIN LATERAL public.kept_trade_days(s.session_id, since, until) AS k
         WHERE session IS NOT NULL
           AND num_nonnulls(strategy, instrument) = 0
    ), loose AS (
        SELECT t.id, t.entry_time, t.exit_time, t.pnl, t.commission, t.margin_interest_cost, t.funding, t.net_pnl
          FROM public.chosen_sessions(session, source, NULL, NULL) AS s
         CROSS JOIN (SELECT array_agg(k.day::timestamptz ORDER BY k.day) AS days FROM kept AS k) AS d
         CROSS JOIN LATERAL public.loose_trades(s.session_id, since, until, d.days) AS t
         WHERE session IS NOT NULL
           AND num_nonnulls(strategy, instrument) = 0
         UNION ALL
        -- The runs of some of the trades, or of several sessions', do not follow from those of the days.
        SELECT t.id, t.entry_time, t.exit_time, t.pnl, t.commission, t.margin_interest_cost, t.funding, t.net_pnl
          FROM public.chosen_trades(session, source, strategy, instrument, since, until) AS t
         WHERE session IS NULL
            OR num_nonnulls(strategy, instrument) > 0
    ), ordered AS (
        SELECT t.id, t.exit_time, t.pnl, t.net_pnl, t.commission, t.margin_interest_cost, t.funding, t.day,
               t.exit_time - t.entry_time AS held, sign(t.pnl)::integer AS outcome,
               row_number() OVER in_order AS place,
               -- Where a run of equal outcomes begins.
               CASE
                   WHEN lag(sign(t.pnl)) OVER in_order IS DISTINCT FROM sign(t.pnl) THEN row_number() OVER in_order
               END AS run_start,
               lead(t.id) OVER in_order IS NULL AS is_last
          FROM (SELECT l.*, date_trunc('day', l.exit_time, 'UTC') AS day FROM loose AS l) AS t
        WINDOW in_order AS (PARTITION BY t.day ORDER BY t.exit_time, t.id)
    ), counted AS (
        SELECT o.day, o.pnl, o.net_pnl, o.commission, o.margin_interest_cost, o.funding, o.held, o.outcome, o.place,
               o.is_last, o.place + 1 - max(o.run_start) OVER in_order AS streak,
               count(o.run_start) OVER in_order AS run
          FROM ordered AS o
        WINDOW in_order AS (PARTITION BY o.day ORDER BY o.exit_time, o.id ROWS UNBOUNDED PRECEDING)
    ), days AS MATERIALIZED (
        SELECT k.day::timestamptz, k.trades::bigint, k.wins::bigint, k.losses::bigint, k.profit, k.loss, k.commission,
               k.margin_interest_cost, k.funding, k.net_pnl, k.best_pnl, k.worst_pnl, k.held, k.wins_held,
               k.losses_held, k.first_outcome, k.first_run::bigint, k.last_outcome, k.last_run::bigint,
               k.win_streak::bigint, k.loss_streak::bigint
          FROM kept AS k
         UNION ALL
        SELECT c.day, count(*), count(*) FILTER (WHERE c.outcome = 1), count(*) FILTER (WHERE c.outcome = -1),
               sum(c.pnl) FILTER (WHERE c.outcome = 1), -sum(c.pnl) FILTER (WHERE c.outcome = -1),
               sum(c.commission), sum(c.margin_interest_cost), sum(c.funding), sum(c.net_pnl), max(c.pnl), min(c.pnl),
               sum(c.held), sum(c.held) FILTER (WHERE c.outcome = 1), sum(c.held) FILTER (WHERE c.outcome = -1),
               max(c.outcome) FILTER (WHERE c.place = 1), count(*) FILTER (WHERE c.run = 1),
               max(c.outcome) FILTER (WHERE c.is_last), max(c.streak) FILTER (WHERE c.is_last),
               max(c.streak) FILTER (WHERE c.outcome = 1), max(c.streak) FILTER (WHERE c.outcome = -1)
          FROM counted AS c
         GROUP BY c.day
    ), linked AS (
        -- Each day's last run with what the next day adds to it; runs inside a day are its streaks.
        SELECT d.day, d.last_outcome, d.last_run,
               CASE
                   WHEN lead(d.first_outcome) OVER in_order = d.last_outcome
                       AND lead(d.first_run) OVER in_order < lead(d.trades) OVER in_order
                       THEN lead(d.first_run) OVER in_order
                   ELSE 0
               END AS continued,
               -- A day that is a single run may be part of one that began before.
               d.first_run < d.trades OR lag(d.last_outcome) OVER in_order IS DISTINCT FROM d.first_outcome AS begins
          FROM days AS d
        WINDOW in_order AS (ORDER BY d.day)
    ), numbered AS (
        SELECT l.last_outcome AS outcome, l.last_run + l.continued AS trades,
               count(*) FILTER (WHERE l.begins) OVER (ORDER BY l.day ROWS UNBOUNDED PRECEDING) AS run
          FROM linked AS l
    ), streaks AS (
        SELECT max(s.trades) FILTER (WHERE s.outcome = 1) AS wins, max(s.trades) FILTER (WHERE s.outcome = -1) AS losses,
               (array_agg(s.outcome * s.trades ORDER BY s.run DESC))[1] AS newest
          FROM (
                   SELECT n.run, n.outcome, sum(n.trades)::integer AS trades
                     FROM numbered AS n
                    GROUP BY n.run, n.outcome
               ) AS s
    ), totals AS (
        SELECT coalesce(sum(d.trades), 0)::integer AS trades, coalesce(sum(d.wins), 0)::integer AS wins,
               coalesce(sum(d.losses), 0)::integer AS losses, coalesce(sum(d.profit), 0) AS profit,
               coalesce(sum(d.loss), 0) AS loss, coalesce(sum(d.commission), 0) AS commission,
               coalesce(sum(d.margin_interest_cost), 0) AS interest, coalesce(sum(d.funding), 0) AS funding,
               coalesce(sum(d.net_pnl), 0) AS net, max(d.best_pnl) AS best, min(d.worst_pnl) AS worst,
               extract(epoch FROM sum(d.held)) / 3600 AS hours,
               extract(epoch FROM sum(d.wins_held)) / 3600 AS win_hours,
               extract(epoch FROM sum(d.losses_held)) / 3600 AS loss_hours,
               coalesce(greatest(max(d.win_streak), (SELECT s.wins FROM streaks AS s)), 0)::integer AS win_streak,
               coalesce(greatest(max(d.loss_streak), (SELECT s.losses FROM streaks AS s)), 0)::integer AS loss_streak,
               coalesce((SELECT s.newest FROM streaks AS s), 0)::integer AS current_streak
          FROM days AS d
    ), best_day AS (
        SELECT d.day, d.net_pnl AS net FROM days AS d ORDER BY d.net_pnl DESC, d.day LIMIT 1
    ), worst_day AS (
        SELECT d.day, d.net_pnl AS net FROM days AS d ORDER BY d.net_pnl, d.day LIMIT 1
    ), openings AS (
        SELECT sum(o.opening_balance) AS balance, sum(o.opening_equity) AS equity
          FROM public.chosen_openings(session, source, strategy, instrument, since, until) AS o
    ), equity AS (
        SELECT count(*)::integer AS days, array_agg(e.daily_return) AS returns,
               coalesce(max(e.max_drawdown), 0) AS max_drawdown,
               (array_agg(e.equity - e.transferred ORDER BY e.day DESC))[1] AS closing
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
           t.profit, t.loss, t.profit - t.loss, t.commission, t.interest, t.funding, t.net,
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
COMMENT ON FUNCTION performance_figures IS
'Every figure of performance over the trades that chosen_trades chooses and the equity of daily_equity; the '
'definitions and units are those of the view reporting.performance.';

CREATE FUNCTION equity_curve(
    session bigint, source trade_source, strategy text, instrument text, since timestamptz, until timestamptz,
    points integer
) RETURNS TABLE ("time" timestamptz, equity numeric, peak numeric, drawdown numeric)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    parts integer := (points - 2) / 3;
    own record;
    steps record;
BEGIN
    SELECT min(o.session_id) AS session_id, count(*) = 1 AND bool_and(o.by_snapshots) AS is_single INTO own
      FROM public.chosen_openings(session, source, strategy, instrument, since, until) AS o;
    SELECT coalesce(sum(p.snapshots), 0) AS rows, count(*) AS steps,
           coalesce(array_agg(p.start_time) FILTER (WHERE p.hours = 24), '{}') AS days INTO steps
      FROM public.equity_parts(own.session_id, since, until, '{}', '{}') AS p
     WHERE own.is_single;
    IF steps.rows <= 5000 OR steps.rows = steps.steps THEN
        RETURN QUERY
        WITH series AS MATERIALIZED (
            SELECT s.time, s.place, s.equity, s.peak, s.drawdown
              FROM public.equity_series(session, source, strategy, instrument, since, until) AS s
        ), counted AS MATERIALIZED (
            SELECT count(*) AS rows FROM series
        ), divided AS (
            SELECT s.place, s.equity, s.drawdown, (s.place - 1) * parts / c.rows AS part
              FROM series AS s
             CROSS JOIN counted AS c
             WHERE c.rows > points AND parts >= 1
        ), extremes AS (
            SELECT d.part, min(d.equity) AS lowest, max(d.equity) AS highest, max(d.drawdown) AS deepest
              FROM divided AS d
             GROUP BY d.part
        ), kept AS (
            SELECT unnest(
                       ARRAY[
                           min(d.place) FILTER (WHERE d.equity = e.lowest),
                           min(d.place) FILTER (WHERE d.equity = e.highest),
                           min(d.place) FILTER (WHERE d.drawdown = e.deepest)
                       ]
                   ) AS place
              FROM divided AS d
              JOIN extremes AS e ON e.part = d.part
             GROUP BY d.part
        )
        SELECT s.time, s.equity, s.peak, s.drawdown
          FROM series AS s
         CROSS JOIN counted AS c
         WHERE c.rows <= points
            OR (s.place = c.rows AND points >= 1)
            OR (s.place = 1 AND points >= 2)
            OR s.place IN (SELECT k.place FROM kept AS k)
         ORDER BY s.place;
        RETURN;
    END IF;
    RETURN QUERY
    WITH peaked AS (
        SELECT p.high, p.high_time, p.low, p.low_time, p.low_peak, p.fall, p.fall_time, p.fall_equity, p.fall_peak,
               p.closing, p.last_time, row_number() OVER in_order AS place,
               -- A transfer moves the peak along.
               max(p.high - p.transferred) OVER in_order + p.transferred AS peak
          FROM public.equity_parts(
                   own.session_id, since, until, CASE WHEN steps.steps < parts THEN steps.days ELSE '{}' END, '{}'
               ) AS p
        WINDOW in_order AS (ORDER BY p.start_time, p.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ), places AS MATERIALIZED (
        SELECT p.place, p.high, p.high_time, p.low, p.low_time, p.low_peak, p.fall, p.fall_time, p.fall_equity,
               p.fall_peak, p.closing, p.last_time, greatest(p.peak, p.high) AS peak,
               greatest(p.fall, public.drawdown(greatest(p.peak, p.low), p.low)) AS drawdown,
               coalesce(p.peak, p.low) AS peak_before
          FROM peaked AS p
    ), last AS MATERIALIZED (
        SELECT max(p.place) AS place FROM places AS p
    ), fine AS NOT MATERIALIZED (
        SELECT p.*, (p.place - 1) * parts / l.place AS part, p.place = l.place AS is_last
          FROM places AS p
         CROSS JOIN last AS l
    ), points_of_parts AS (
        (
            SELECT DISTINCT ON (f.part) f.low_time AS time, f.low AS equity,
                   greatest(f.peak_before, f.low_peak, f.low) AS peak
              FROM fine AS f
             WHERE parts >= 1
             ORDER BY f.part, f.low, f.place
        )
         UNION
        (
            SELECT DISTINCT ON (f.part) f.high_time, f.high, f.peak
              FROM fine AS f
             WHERE parts >= 1
             ORDER BY f.part, f.high DESC, f.place
        )
         UNION
        (
            SELECT DISTINCT ON (f.part)
                   CASE WHEN f.drawdown > f.fall OR f.fall = 0 THEN f.low_time ELSE f.fall_time END,
                   CASE WHEN f.drawdown > f.fall OR f.fall = 0 THEN f.low ELSE f.fall_equity END,
                   CASE
                       WHEN f.drawdown > f.fall OR f.fall = 0 THEN greatest(f.peak_before, f.low_peak, f.low)
                       ELSE f.fall_peak
                   END
              FROM fine AS f
             WHERE parts >= 1
             ORDER BY f.part, f.drawdown DESC, f.place
        )
         UNION
        SELECT f.last_time, f.closing, f.peak
          FROM fine AS f
         WHERE f.is_last AND points >= 1
         UNION
        SELECT h.timestamp, h.equity, h.equity
          FROM public.chosen_openings(session, source, strategy, instrument, since, until) AS o
         CROSS JOIN LATERAL (
                   SELECT a.timestamp::timestamptz, a.equity::numeric
                     FROM public.account_history AS a
                    WHERE a.session_id = o.session_id
                      AND a.timestamp >= coalesce(since, '-infinity')
                      AND a.timestamp < coalesce(until, 'infinity')
                    ORDER BY a.timestamp, a.id
                    LIMIT 1
               ) AS h
         WHERE points >= 2
    )
    SELECT p.time, p.equity, p.peak, public.drawdown(p.peak, p.equity)
      FROM points_of_parts AS p
     ORDER BY p.time;
END
$$;
COMMENT ON FUNCTION equity_curve IS
'The equity of equity_series in at most so many points: the first, the last, and the lowest, the highest and the '
'deepest in drawdown of equal parts between. Beyond 5 000 rows the parts are of days, or of hours where days are too '
'few.';

CREATE FUNCTION pnl_by(
    dimension text,
    session bigint, source trade_source, strategy text, instrument text, since timestamptz, until timestamptz
) RETURNS TABLE (
    label text, period_start timestamptz, total_trades integer, winning_trades integer, losing_trades integer,
    win_rate numeric, gross_pnl numeric, costs numeric, net_pnl numeric, last_exit_time timestamptz
)
LANGUAGE sql STABLE AS $$
    SELECT g.label, g.period_start, sum(g.trades)::integer, sum(g.wins)::integer, sum(g.losses)::integer,
           trim_scale(sum(g.wins) / sum(g.trades)), sum(g.gross_pnl), sum(g.costs), sum(g.net_pnl),
           max(g.last_exit_time)
      FROM public.chosen_sessions(session, source, NULL, NULL) AS s
     CROSS JOIN LATERAL public.trade_sums(dimension, s.session_id, strategy, instrument, since, until) AS g
     GROUP BY g.label, g.period_start
$$;
COMMENT ON FUNCTION pnl_by IS
'The trades that chosen_trades chooses, added up by exit_reason, strategy_name or symbol (label), or by the UTC day, '
'ISO week (from Monday) or month of their exit (period_start; ''all'' is one period from 1970 on). costs = commission '
'+ margin interest; net = gross - costs + funding; win_rate is a fraction.';
