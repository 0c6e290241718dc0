-- How performance is measured, and the schema reporting with a view for each question of dashboards.

-- Read by get_failed_orders. Few orders fail, so that building it is one quick read of the table.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX orders_failed_idx ON orders (session_id, created_at, id) WHERE status = 'FAILED';

-- Views are read under whatever search_path, and so is this function.
CREATE OR REPLACE FUNCTION existing_session(wanted bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM FROM public.trading_sessions WHERE id = wanted;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'AT404', COLUMN = 'session_id', MESSAGE = format('session %s does not exist', wanted);
    END IF;
    RETURN wanted;
END
$$;

-- Which sessions and trades figures are about, and what their equity was.
-- Filters are alike everywhere: NULL does not filter; without a session, those of verification are left out. Big tables
-- are read session by session (LATERAL), so that the index on session and time serves every plan, generic ones too.
-- Names are qualified: these functions are inlined into whatever reads a view, under whatever search_path it has.

CREATE FUNCTION chosen_sessions(session bigint, source trade_source, strategy text, instrument text)
RETURNS TABLE (session_id bigint, start_time timestamptz, initial_balance numeric)
LANGUAGE sql STABLE AS $$
    SELECT s.id, s.start_time::timestamptz, s.initial_balance::numeric
      FROM public.trading_sessions AS s
     WHERE s.id = session
       AND CASE WHEN session IS NOT NULL THEN public.existing_session(session) IS NOT NULL END
       AND s.mode = coalesce(source, s.mode)
     UNION ALL
    SELECT s.id, s.start_time, s.initial_balance
      FROM public.trading_sessions AS s
      LEFT JOIN LATERAL (
               SELECT t.id
                 FROM public.trades AS t
                WHERE t.session_id = s.id
                  AND num_nonnulls(strategy, instrument) > 0
                  AND t.strategy_name = coalesce(strategy, t.strategy_name)
                  AND t.symbol = coalesce(instrument, t.symbol)
                ORDER BY t.exit_time
                LIMIT 1
           ) AS traded ON TRUE
     WHERE session IS NULL
       AND NOT s.is_verification
       AND s.mode = coalesce(source, s.mode)
       AND (num_nonnulls(strategy, instrument) = 0 OR traded.id IS NOT NULL)
$$;
COMMENT ON FUNCTION chosen_sessions IS
'The sessions that figures are about: the given one if it has the mode, or all with the mode that have traded so, but '
'for those of verification. NULL does not filter. Raises AT404 for an unknown session.';

CREATE FUNCTION chosen_trades(
    session bigint, source trade_source, strategy text, instrument text, since timestamptz, until timestamptz
) RETURNS TABLE (
    id bigint, session_id bigint, symbol text, strategy_name text, exit_reason text,
    entry_time timestamptz, exit_time timestamptz, pnl numeric, commission numeric, margin_interest_cost numeric,
    net_pnl numeric
)
LANGUAGE sql STABLE AS $$
    SELECT t.id, s.session_id, t.symbol, t.strategy_name, t.exit_reason,
           t.entry_time, t.exit_time, t.pnl, t.commission, t.margin_interest_cost, t.net_pnl
      FROM public.chosen_sessions(session, source, NULL, NULL) AS s
     CROSS JOIN LATERAL (
               SELECT r.id, r.symbol::text, r.strategy_name::text, r.exit_reason::text,
                      r.entry_time::timestamptz, r.exit_time::timestamptz, r.pnl::numeric, r.commission::numeric,
                      r.margin_interest_cost::numeric, r.net_pnl::numeric
                 FROM public.trades AS r
                WHERE r.session_id = s.session_id
                  AND r.exit_time >= coalesce(since, '-infinity')
                  AND r.exit_time < coalesce(until, 'infinity')
                  AND r.strategy_name = coalesce(strategy, r.strategy_name)
                  AND r.symbol = coalesce(instrument, r.symbol)
               OFFSET 0
           ) AS t
$$;
COMMENT ON FUNCTION chosen_trades IS
'The trades that figures are about: of the sessions that chosen_sessions chooses, with this strategy and symbol, '
'closed at or after since and before until. NULL does not filter. Columns mean what they mean in trades.';

CREATE FUNCTION chosen_openings(
    session bigint, source trade_source, strategy text, instrument text, since timestamptz, until timestamptz
) RETURNS TABLE (
    session_id bigint, start_time timestamptz, by_snapshots boolean, opening_balance numeric, opening_equity numeric
)
LANGUAGE sql STABLE AS $$
    SELECT s.session_id, s.start_time, first_snapshot.id IS NOT NULL,
           s.initial_balance + coalesce(earlier.net_pnl, 0),
           CASE
               WHEN first_snapshot.id IS NULL THEN s.initial_balance + coalesce(earlier.net_pnl, 0)
               ELSE coalesce(last_before.equity, s.initial_balance)
           END
      FROM public.chosen_sessions(session, source, strategy, instrument) AS s
      LEFT JOIN LATERAL (
               SELECT h.id
                 FROM public.account_history AS h
                WHERE h.session_id = s.session_id
                  AND h.timestamp >= coalesce(since, '-infinity')
                  AND h.timestamp < coalesce(until, 'infinity')
                  AND num_nonnulls(strategy, instrument) = 0
                ORDER BY h.timestamp
                LIMIT 1
           ) AS first_snapshot ON TRUE
      LEFT JOIN LATERAL (
               SELECT h.equity
                 FROM public.account_history AS h
                WHERE h.session_id = s.session_id
                  AND h.timestamp < since
                ORDER BY h.timestamp DESC, h.id DESC
                LIMIT 1
           ) AS last_before ON TRUE
      LEFT JOIN LATERAL (
               SELECT sum(t.net_pnl) AS net_pnl
                 FROM public.trades AS t
                WHERE t.session_id = s.session_id
                  AND t.exit_time < since
                  AND t.strategy_name = coalesce(strategy, t.strategy_name)
                  AND t.symbol = coalesce(instrument, t.symbol)
           ) AS earlier ON TRUE
$$;
COMMENT ON FUNCTION chosen_openings IS
'Where the chosen sessions stood at since, in their base currency: opening_balance = initial balance + net P&L of the '
'chosen trades before; opening_equity = the newest snapshot before, else the initial balance, if the session''s equity '
'is told by_snapshots (there are some in the span and neither strategy nor symbol is chosen), else opening_balance.';

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

CREATE FUNCTION daily_equity(
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
COMMENT ON FUNCTION daily_equity IS
'The equity of the chosen sessions at the end of every UTC day from the first to the last that equity_series knows (a '
'day without news keeps the one before), its return on the day before (on the opening, for the first) as a fraction '
'rounded to 12 digits, NULL where there was nothing to earn on, and the day''s largest drawdown.';


-- What is made of the chosen trades and their equity: figures of performance, drawdowns, sums of P&L.

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
    SELECT t.trades, t.wins, t.losses, t.wins::numeric / nullif(t.trades, 0),
           t.profit, t.loss, t.profit - t.loss, t.commission, t.interest, t.net,
           t.net / nullif(o.balance, 0) * 100,
           t.profit / nullif(t.loss, 0), (t.profit - t.loss) / nullif(t.trades, 0),
           t.profit / nullif(t.wins, 0), -t.loss / nullif(t.losses, 0), t.best, t.worst,
           s.win, s.loss, s.current, e.max_drawdown, t.hours, t.win_hours, t.loss_hours,
           best_day.day, best_day.net, worst_day.day, worst_day.net,
           e.days, round(g.annualized_return, 12), r.annualized_volatility, r.sharpe_ratio, r.sortino_ratio,
           round(g.annualized_return / nullif(e.max_drawdown, 0), 12), r.var_95
      FROM totals AS t
     CROSS JOIN streaks AS s
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

CREATE FUNCTION drawdown_episodes(
    session bigint, source trade_source, strategy text, instrument text, since timestamptz, until timestamptz
) RETURNS TABLE (
    started_at timestamptz, trough_at timestamptz, recovered_at timestamptz, peak numeric, trough numeric,
    drawdown numeric
)
LANGUAGE sql STABLE AS $$
    WITH numbered AS (
        SELECT e.time, e.place, e.equity, e.peak, e.drawdown,
               count(*) FILTER (WHERE e.equity = e.peak) OVER (ORDER BY e.place ROWS UNBOUNDED PRECEDING) AS episode
          FROM public.equity_series(session, source, strategy, instrument, since, until) AS e
    ), episodes AS (
        SELECT min(n.time) AS started_at, (array_agg(n.time ORDER BY n.equity, n.place))[1] AS trough_at,
               lead(min(n.time)) OVER (ORDER BY n.episode) AS recovered_at,
               max(n.peak) AS peak, min(n.equity) AS trough, max(n.drawdown) AS drawdown
          FROM numbered AS n
         GROUP BY n.episode
    )
    SELECT p.started_at, p.trough_at, p.recovered_at, p.peak, p.trough, p.drawdown
      FROM episodes AS p
     WHERE p.trough < p.peak
$$;
COMMENT ON FUNCTION drawdown_episodes IS
'Every time that the equity of equity_series was below its peak: since when (the last moment at the peak), when it was '
'lowest, when it was back at the peak (NULL = not yet), and peak, trough and (peak - trough) / peak as a fraction.';

CREATE FUNCTION pnl_by(
    dimension text,
    session bigint, source trade_source, strategy text, instrument text, since timestamptz, until timestamptz
) RETURNS TABLE (
    label text, period_start timestamptz, total_trades integer, winning_trades integer, losing_trades integer,
    win_rate numeric, gross_pnl numeric, costs numeric, net_pnl numeric, last_exit_time timestamptz
)
LANGUAGE sql STABLE AS $$
    SELECT g.label, g.period_start, count(*)::integer,
           (count(*) FILTER (WHERE t.pnl > 0))::integer,
           (count(*) FILTER (WHERE t.pnl < 0))::integer,
           (count(*) FILTER (WHERE t.pnl > 0))::numeric / count(*),
           sum(t.pnl), sum(t.commission + t.margin_interest_cost), sum(t.net_pnl), max(t.exit_time)
      FROM public.chosen_trades(session, source, strategy, instrument, since, until) AS t
     CROSS JOIN LATERAL (
               SELECT CASE dimension
                          WHEN 'exit_reason' THEN t.exit_reason
                          WHEN 'strategy_name' THEN t.strategy_name
                          WHEN 'symbol' THEN t.symbol
                      END AS label,
                      CASE
                          WHEN dimension IN ('day', 'week', 'month') THEN date_trunc(dimension, t.exit_time, 'UTC')
                          WHEN dimension = 'all' THEN 'epoch'
                      END AS period_start
           ) AS g
     GROUP BY g.label, g.period_start
$$;
COMMENT ON FUNCTION pnl_by IS
'The trades that chosen_trades chooses, added up by exit_reason, strategy_name or symbol (label), or by the UTC day, '
'ISO week (from Monday) or month of their exit (period_start; ''all'' is one period from 1970 on). costs = commission '
'+ margin interest; net = gross - costs; win_rate is a fraction.';

-- How orders were filled, where a session stands, and whether all is well.

CREATE FUNCTION slippage(kind order_type, side position_side, requested numeric, filled numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
    SELECT round(
               -- An entry of a LONG position buys, and so does an exit of a SHORT one.
               CASE WHEN (kind IN ('ENTRY', 'SCALE_IN')) = (side = 'LONG') THEN 1 ELSE -1 END
               * (filled - requested) / requested,
               12
           )
$$;
COMMENT ON FUNCTION slippage IS
'How much worse than requested an order was filled, as a fraction of the requested price rounded to 12 digits: '
'positive when it bought for more or sold for less; NULL without both prices.';

CREATE FUNCTION order_figures(
    session bigint, source trade_source, strategy text, instrument text, since timestamptz, until timestamptz
) RETURNS TABLE (
    order_type order_type, total_orders integer, filled_orders integer, partially_filled_orders integer,
    cancelled_orders integer, failed_orders integer, expired_orders integer, unresolved_orders integer,
    fill_rate numeric, slipped_orders integer, avg_slippage numeric, worst_slippage numeric, slippage_cost numeric,
    commission numeric, newest_order timestamptz
)
LANGUAGE sql STABLE AS $$
    SELECT o.order_type, count(*)::integer,
           (count(*) FILTER (WHERE o.status = 'FILLED'))::integer,
           (count(*) FILTER (WHERE o.status <> 'FILLED' AND o.filled_quantity > 0))::integer,
           (count(*) FILTER (WHERE o.status = 'CANCELLED'))::integer,
           (count(*) FILTER (WHERE o.status = 'FAILED'))::integer,
           (count(*) FILTER (WHERE o.status = 'EXPIRED'))::integer,
           (count(*) FILTER (WHERE o.status IN ('PENDING', 'OPEN', 'PARTIALLY_FILLED', 'UNKNOWN')))::integer,
           (count(*) FILTER (WHERE o.status = 'FILLED'))::numeric
           / nullif(count(*) FILTER (WHERE o.status IN ('FILLED', 'CANCELLED', 'FAILED', 'EXPIRED')), 0),
           count(o.slippage)::integer, round(avg(o.slippage), 12), max(o.slippage),
           coalesce(sum(o.slippage * o.price * o.filled_quantity), 0),
           sum(o.commission), max(o.created_at)
      FROM public.chosen_sessions(session, source, NULL, NULL) AS s
     CROSS JOIN LATERAL (
               SELECT r.order_type, r.status, r.price::numeric, r.filled_quantity::numeric, r.commission::numeric,
                      r.created_at::timestamptz,
                      public.slippage(r.order_type, r.side, r.price, r.filled_price) AS slippage
                 FROM public.orders AS r
                WHERE r.session_id = s.session_id
                  AND r.created_at >= coalesce(since, '-infinity')
                  AND r.created_at < coalesce(until, 'infinity')
                  AND (strategy IS NULL OR r.strategy_name = strategy)
                  AND r.symbol = coalesce(instrument, r.symbol)
               OFFSET 0
           ) AS o
     GROUP BY o.order_type
$$;
COMMENT ON FUNCTION order_figures IS
'How well the orders of the chosen sessions were filled, by type: fill_rate = FILLED / final ones, a fraction; '
'slippage over the filled quantity of those with a requested price, a fraction; slippage_cost the same in quote '
'currency. Orders count by created_at.';

CREATE FUNCTION account_figures(session bigint, moment timestamptz)
RETURNS TABLE (
    balance numeric, equity numeric, snapshot_time timestamptz, total_trades integer, win_rate numeric,
    profit_factor numeric, expectancy numeric, current_streak integer, gross_pnl numeric, net_pnl numeric,
    trades_today integer, gross_pnl_today numeric, net_pnl_today numeric,
    trades_this_week integer, gross_pnl_this_week numeric, net_pnl_this_week numeric,
    trades_opened_today integer, open_positions integer, unrealized_pnl numeric
)
LANGUAGE sql STABLE AS $$
    SELECT s.current_balance, newest.equity, newest.timestamp, coalesce(m.total_trades, 0), m.win_rate,
           m.profit_factor, m.expectancy, coalesce(m.current_streak, 0),
           coalesce(m.gross_profit - m.gross_loss, 0), coalesce(m.net_pnl, 0),
           days.trades_today, days.gross_today, days.net_today, days.trades_week, days.gross_week, days.net_week,
           opened.closed_again + holding.opened_today, holding.positions, holding.unrealized_pnl
      FROM public.trading_sessions AS s
      LEFT JOIN public.performance_metrics AS m
        ON m.session_id = s.id AND m.period = 'ALL_TIME' AND m.period_start = 'epoch'::timestamptz
      LEFT JOIN LATERAL (
               SELECT h.equity, h.timestamp
                 FROM public.account_history AS h
                WHERE h.session_id = s.id
                ORDER BY h.timestamp DESC, h.id DESC
                LIMIT 1
           ) AS newest ON TRUE
     CROSS JOIN LATERAL (
               SELECT coalesce(sum(d.total_trades), 0)::integer AS trades_week,
                      coalesce(sum(d.gross_profit - d.gross_loss), 0) AS gross_week,
                      coalesce(sum(d.net_pnl), 0) AS net_week,
                      coalesce(sum(d.total_trades) FILTER (WHERE d.is_today), 0)::integer AS trades_today,
                      coalesce(sum(d.gross_profit - d.gross_loss) FILTER (WHERE d.is_today), 0) AS gross_today,
                      coalesce(sum(d.net_pnl) FILTER (WHERE d.is_today), 0) AS net_today
                 FROM (
                          SELECT p.total_trades, p.gross_profit, p.gross_loss, p.net_pnl,
                                 p.period_start = date_trunc('day', moment, 'UTC') AS is_today
                            FROM public.performance_metrics AS p
                           WHERE p.session_id = s.id
                             AND p.period = 'DAILY'
                             AND p.period_start >= date_trunc('week', moment, 'UTC')
                             AND p.period_start <= moment
                      ) AS d
           ) AS days
     CROSS JOIN LATERAL (
               SELECT count(*)::integer AS closed_again
                 FROM public.trades AS t
                WHERE t.session_id = s.id
                  AND t.exit_time >= date_trunc('day', moment, 'UTC')
                  AND t.entry_time >= date_trunc('day', moment, 'UTC')
                  AND t.entry_time <= moment
           ) AS opened
     CROSS JOIN LATERAL (
               SELECT count(*)::integer AS positions,
                      (count(*) FILTER (
                          WHERE p.entry_time >= date_trunc('day', moment, 'UTC') AND p.entry_time <= moment
                      ))::integer AS opened_today,
                      coalesce(sum(p.unrealized_pnl), 0) AS unrealized_pnl
                 FROM public.positions AS p
                WHERE p.session_id = s.id AND p.status = 'OPEN'
           ) AS holding
     WHERE s.id = session
       AND public.existing_session(session) IS NOT NULL
$$;
COMMENT ON FUNCTION account_figures IS
'Where a session stands, in its base currency: the balance of its ledger, the equity of its newest snapshot, the P&L '
'of its completed trades (gross, and net of costs) over all time, on the UTC day of the moment and in its ISO week '
'(from Monday 00:00 UTC), and what is open. Raises AT404 for an unknown session.';

CREATE FUNCTION recent_errors(session bigint, since timestamptz, until timestamptz)
RETURNS TABLE ("timestamp" timestamptz, severity severity)
LANGUAGE sql STABLE AS $$
    SELECT e.timestamp::timestamptz, e.severity
      FROM public.system_events AS e
     WHERE (e.event_type = 'ERROR' OR e.severity >= 'ERROR')
       AND e.timestamp >= since
       AND e.timestamp <= until
       AND e.session_id = session
     UNION ALL
    SELECT e.timestamp, e.severity
      FROM public.system_events AS e
     WHERE (e.event_type = 'ERROR' OR e.severity >= 'ERROR')
       AND e.timestamp >= since
       AND e.timestamp <= until
       AND session IS NULL
       AND e.session_id IS NULL
$$;
COMMENT ON FUNCTION recent_errors IS
'The errors of a session, or those outside of any session for NULL: events of the type ERROR, or whose severity is '
'ERROR or CRITICAL.';

CREATE FUNCTION freshness(session bigint, moment timestamptz)
RETURNS TABLE (
    snapshot_time timestamptz, snapshot_age_seconds numeric, decision_time timestamptz, decision_age_seconds numeric,
    trade_time timestamptz, trade_age_seconds numeric, event_time timestamptz, event_age_seconds numeric
)
LANGUAGE sql STABLE AS $$
    SELECT n.snapshot, extract(epoch FROM moment - n.snapshot), n.decision, extract(epoch FROM moment - n.decision),
           n.trade, extract(epoch FROM moment - n.trade), n.event, extract(epoch FROM moment - n.event)
      FROM (
               SELECT (
                          SELECT max(h.timestamp::timestamptz) FROM public.account_history AS h WHERE h.session_id = session
                      ) AS snapshot,
                      (
                          SELECT max(x.timestamp::timestamptz) FROM public.strategy_executions AS x
                           WHERE x.session_id = session
                      ) AS decision,
                      (SELECT max(t.exit_time::timestamptz) FROM public.trades AS t WHERE t.session_id = session) AS trade,
                      (
                          SELECT max(e.timestamp::timestamptz) FROM public.system_events AS e WHERE e.session_id = session
                      ) AS event
           ) AS n
$$;
COMMENT ON FUNCTION freshness IS
'When a session''s newest snapshot, decision, trade and event happened, and how long before the moment that was, in '
'seconds; NULL where there is none.';

-- The schema reporting: each question of dashboards as a view, for psql, Grafana and other tools. `time` is the moment
-- that a row is about. Sessions of verification are left out. `WHERE session_id = ...` reaches each view's indexes.

CREATE SCHEMA reporting;
COMMENT ON SCHEMA reporting IS
'Views that answer what dashboards and operators ask; `time` is the moment that a row is about, sessions of '
'verification are left out.';

CREATE VIEW reporting.sessions AS
SELECT s.start_time AS time, s.id AS session_id, s.session_name, s.mode, s.strategy_name, s.symbol, s.timeframe,
       s.exchange, s.base_currency, s.end_time, s.is_active, s.initial_balance, s.current_balance,
       coalesce(m.total_trades, 0) AS total_trades, coalesce(m.winning_trades, 0) AS winning_trades,
       coalesce(m.losing_trades, 0) AS losing_trades, m.win_rate,
       coalesce(m.gross_profit - m.gross_loss, 0) AS gross_pnl, coalesce(m.net_pnl, 0) AS net_pnl, m.profit_factor,
       m.expectancy, coalesce(s.max_drawdown, m.max_drawdown, 0) AS max_drawdown
  FROM trading_sessions AS s
  LEFT JOIN performance_metrics AS m
    ON m.session_id = s.id AND m.period = 'ALL_TIME' AND m.period_start = 'epoch'::timestamptz
 WHERE NOT s.is_verification;
COMMENT ON VIEW reporting.sessions IS 'Every session with what its completed trades earned.';
COMMENT ON COLUMN reporting.sessions.time IS 'When the session began.';
COMMENT ON COLUMN reporting.sessions.session_id IS 'Session.';
COMMENT ON COLUMN reporting.sessions.session_name IS 'Name for people; not unique.';
COMMENT ON COLUMN reporting.sessions.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.sessions.strategy_name IS 'Strategy that trades.';
COMMENT ON COLUMN reporting.sessions.symbol IS 'Instrument that is traded.';
COMMENT ON COLUMN reporting.sessions.timeframe IS 'Length of one candle, such as 1h.';
COMMENT ON COLUMN reporting.sessions.exchange IS 'Exchange that executes the orders.';
COMMENT ON COLUMN reporting.sessions.base_currency IS 'Currency of every amount in the session''s books.';
COMMENT ON COLUMN reporting.sessions.end_time IS 'When the session ended; NULL while it is active.';
COMMENT ON COLUMN reporting.sessions.is_active IS 'True until the session has ended.';
COMMENT ON COLUMN reporting.sessions.initial_balance IS 'Balance at the start, in base_currency.';
COMMENT ON COLUMN reporting.sessions.current_balance IS
'Balance now, in base_currency: the sum of the session''s ledger.';
COMMENT ON COLUMN reporting.sessions.total_trades IS 'Number of completed trades.';
COMMENT ON COLUMN reporting.sessions.winning_trades IS 'Number of trades with pnl > 0.';
COMMENT ON COLUMN reporting.sessions.losing_trades IS 'Number of trades with pnl < 0.';
COMMENT ON COLUMN reporting.sessions.win_rate IS 'winning_trades / total_trades, as a fraction.';
COMMENT ON COLUMN reporting.sessions.gross_pnl IS 'Sum of pnl, before costs, in base_currency.';
COMMENT ON COLUMN reporting.sessions.net_pnl IS
'Sum of net P&L, after commission and margin interest, in base_currency.';
COMMENT ON COLUMN reporting.sessions.profit_factor IS 'gross_profit / gross_loss; NULL without losses.';
COMMENT ON COLUMN reporting.sessions.expectancy IS 'Mean pnl of a trade, in the session''s base currency.';
COMMENT ON COLUMN reporting.sessions.max_drawdown IS
'Largest (running peak - value) / running peak, as a fraction: the final figure of an ended session, else that of '
'initial balance + cumulative net P&L so far.';

CREATE VIEW reporting.account_summary AS
SELECT now() AS time, s.id AS session_id, s.session_name, s.mode, s.strategy_name, s.symbol, s.base_currency,
       f.balance, f.equity, f.snapshot_time, f.total_trades, f.win_rate, f.profit_factor, f.expectancy,
       f.current_streak, f.gross_pnl, f.net_pnl, f.trades_today, f.gross_pnl_today, f.net_pnl_today,
       f.trades_this_week, f.gross_pnl_this_week, f.net_pnl_this_week, f.trades_opened_today, f.open_positions,
       f.unrealized_pnl
  FROM trading_sessions AS s
 CROSS JOIN LATERAL account_figures(s.id, now()) AS f
 WHERE NOT s.is_verification
   AND s.end_time IS NULL;
COMMENT ON VIEW reporting.account_summary IS
'Where every active session stands now: balance, P&L in all, today and this week, and what is open.';
COMMENT ON COLUMN reporting.account_summary.time IS 'Now.';
COMMENT ON COLUMN reporting.account_summary.session_id IS 'Session.';
COMMENT ON COLUMN reporting.account_summary.session_name IS 'Name for people; not unique.';
COMMENT ON COLUMN reporting.account_summary.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.account_summary.strategy_name IS 'The current strategy.';
COMMENT ON COLUMN reporting.account_summary.symbol IS 'Instrument that is traded.';
COMMENT ON COLUMN reporting.account_summary.base_currency IS 'Currency of every amount in the session''s books.';
COMMENT ON COLUMN reporting.account_summary.balance IS 'The balance: the sum of the ledger, in base_currency.';
COMMENT ON COLUMN reporting.account_summary.equity IS
'The equity of the newest snapshot, in base_currency; NULL without one.';
COMMENT ON COLUMN reporting.account_summary.snapshot_time IS 'When the newest snapshot was taken.';
COMMENT ON COLUMN reporting.account_summary.total_trades IS 'Number of completed trades.';
COMMENT ON COLUMN reporting.account_summary.win_rate IS 'winning_trades / total_trades, as a fraction.';
COMMENT ON COLUMN reporting.account_summary.profit_factor IS 'gross_profit / gross_loss; NULL without losses.';
COMMENT ON COLUMN reporting.account_summary.expectancy IS 'Mean pnl of a trade, in the session''s base currency.';
COMMENT ON COLUMN reporting.account_summary.current_streak IS
'Wins in a row up to the newest trade; negative: losses in a row; 0 after a trade with pnl = 0.';
COMMENT ON COLUMN reporting.account_summary.gross_pnl IS 'Gross P&L of all completed trades, in base_currency.';
COMMENT ON COLUMN reporting.account_summary.net_pnl IS 'Net P&L of all completed trades, in base_currency.';
COMMENT ON COLUMN reporting.account_summary.trades_today IS 'Number of trades closed since 00:00 UTC.';
COMMENT ON COLUMN reporting.account_summary.gross_pnl_today IS 'Their gross P&L, in base_currency.';
COMMENT ON COLUMN reporting.account_summary.net_pnl_today IS 'Their net P&L, in base_currency.';
COMMENT ON COLUMN reporting.account_summary.trades_this_week IS 'Number of trades closed since Monday 00:00 UTC.';
COMMENT ON COLUMN reporting.account_summary.gross_pnl_this_week IS 'Their gross P&L, in base_currency.';
COMMENT ON COLUMN reporting.account_summary.net_pnl_this_week IS 'Their net P&L, in base_currency.';
COMMENT ON COLUMN reporting.account_summary.trades_opened_today IS
'Number of positions entered since 00:00 UTC, closed again or not.';
COMMENT ON COLUMN reporting.account_summary.open_positions IS 'Number of open positions.';
COMMENT ON COLUMN reporting.account_summary.unrealized_pnl IS 'Unrealised P&L of the open positions, in base_currency.';

CREATE VIEW reporting.events AS
SELECT e.timestamp AS time, e.session_id, s.mode, e.id AS event_id, e.event_type, e.severity, e.message, e.details,
       e.component, e.error_code, e.alert_sent
  FROM system_events AS e
  LEFT JOIN trading_sessions AS s ON s.id = e.session_id
 WHERE s.is_verification IS NOT TRUE;
COMMENT ON VIEW reporting.events IS 'What happened, inside and outside of sessions.';
COMMENT ON COLUMN reporting.events.time IS 'When it happened.';
COMMENT ON COLUMN reporting.events.session_id IS 'Session in which it happened; NULL outside of any.';
COMMENT ON COLUMN reporting.events.mode IS
'Where the session''s money is: LIVE, BACKTEST or PAPER; NULL outside of any session.';
COMMENT ON COLUMN reporting.events.event_id IS 'Identifier.';
COMMENT ON COLUMN reporting.events.event_type IS 'What is reported.';
COMMENT ON COLUMN reporting.events.severity IS 'How urgent it is.';
COMMENT ON COLUMN reporting.events.message IS 'One sentence for people.';
COMMENT ON COLUMN reporting.events.details IS 'Particulars for programs.';
COMMENT ON COLUMN reporting.events.component IS 'Part of the system that reports.';
COMMENT ON COLUMN reporting.events.error_code IS 'Code of the error, if it is one.';
COMMENT ON COLUMN reporting.events.alert_sent IS 'Whether somebody was alerted.';

CREATE VIEW reporting.errors_by_hour AS
SELECT date_trunc('hour', e.timestamp, 'UTC') AS time, s.session_id, s.mode, count(*)::integer AS errors,
       (count(*) FILTER (WHERE e.severity = 'CRITICAL'))::integer AS critical_errors
  FROM (
           SELECT t.id AS session_id, t.mode
             FROM trading_sessions AS t
            WHERE NOT t.is_verification
            UNION ALL
           SELECT NULL AS session_id, NULL AS mode
       ) AS s
 CROSS JOIN LATERAL recent_errors(
           s.session_id, date_trunc('hour', now(), 'UTC') - interval '23 hours', now()
       ) AS e
 GROUP BY date_trunc('hour', e.timestamp, 'UTC'), s.session_id, s.mode;
COMMENT ON VIEW reporting.errors_by_hour IS
'Errors by UTC hour over the last 24 hours, this one included, of every session and outside of any.';
COMMENT ON COLUMN reporting.errors_by_hour.time IS 'First moment of the UTC hour; an hour without errors has no row.';
COMMENT ON COLUMN reporting.errors_by_hour.session_id IS 'Session; NULL = outside of any.';
COMMENT ON COLUMN reporting.errors_by_hour.mode IS
'Where the session''s money is: LIVE, BACKTEST or PAPER; NULL outside of any session.';
COMMENT ON COLUMN reporting.errors_by_hour.errors IS
'Number of events of the type ERROR, or whose severity is ERROR or CRITICAL.';
COMMENT ON COLUMN reporting.errors_by_hour.critical_errors IS 'Those whose severity is CRITICAL.';

CREATE VIEW reporting.freshness AS
SELECT now() AS time, s.id AS session_id, s.session_name, s.mode, s.strategy_name, s.symbol, f.snapshot_time,
       f.snapshot_age_seconds, f.decision_time, f.decision_age_seconds, f.trade_time, f.trade_age_seconds,
       f.event_time, f.event_age_seconds
  FROM trading_sessions AS s
 CROSS JOIN LATERAL freshness(s.id, now()) AS f
 WHERE NOT s.is_verification
   AND s.end_time IS NULL;
COMMENT ON VIEW reporting.freshness IS 'How old the newest records of the active sessions are.';
COMMENT ON COLUMN reporting.freshness.time IS 'Now.';
COMMENT ON COLUMN reporting.freshness.session_id IS 'Session.';
COMMENT ON COLUMN reporting.freshness.session_name IS 'Name for people; not unique.';
COMMENT ON COLUMN reporting.freshness.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.freshness.strategy_name IS 'Strategy of the session.';
COMMENT ON COLUMN reporting.freshness.symbol IS 'Instrument of the session.';
COMMENT ON COLUMN reporting.freshness.snapshot_time IS 'When the newest snapshot of the account was taken.';
COMMENT ON COLUMN reporting.freshness.snapshot_age_seconds IS 'Its age, in seconds.';
COMMENT ON COLUMN reporting.freshness.decision_time IS 'When the strategy last decided.';
COMMENT ON COLUMN reporting.freshness.decision_age_seconds IS 'The age of that decision, in seconds.';
COMMENT ON COLUMN reporting.freshness.trade_time IS 'When the newest trade was closed.';
COMMENT ON COLUMN reporting.freshness.trade_age_seconds IS 'Its age, in seconds.';
COMMENT ON COLUMN reporting.freshness.event_time IS 'When the newest event happened.';
COMMENT ON COLUMN reporting.freshness.event_age_seconds IS 'Its age, in seconds.';

CREATE VIEW reporting.decisions AS
SELECT x.timestamp AS time, x.session_id, s.mode, x.id AS decision_id, x.trade_id, x.strategy_name, x.symbol,
       x.timeframe, x.signal_type, x.signal_strength, x.confidence_score, x.action_taken, x.price, x.position_size,
       x.volume, x.volatility, x.indicators, x.reasons
  FROM strategy_executions AS x
  JOIN trading_sessions AS s ON s.id = x.session_id AND NOT s.is_verification;
COMMENT ON VIEW reporting.decisions IS
'Every decision of the strategies; always ask with a session_id and a span of time.';
COMMENT ON COLUMN reporting.decisions.time IS 'When the decision was made.';
COMMENT ON COLUMN reporting.decisions.session_id IS 'Session that decided.';
COMMENT ON COLUMN reporting.decisions.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.decisions.decision_id IS 'Identifier.';
COMMENT ON COLUMN reporting.decisions.trade_id IS 'Completed trade that the decision led to, if any.';
COMMENT ON COLUMN reporting.decisions.strategy_name IS 'Strategy that decided.';
COMMENT ON COLUMN reporting.decisions.symbol IS 'Instrument.';
COMMENT ON COLUMN reporting.decisions.timeframe IS 'Length of one candle, such as 1h.';
COMMENT ON COLUMN reporting.decisions.signal_type IS 'What the strategy saw, such as entry, exit or hold.';
COMMENT ON COLUMN reporting.decisions.signal_strength IS
'Strength of the signal in the strategy''s own scale, dimensionless.';
COMMENT ON COLUMN reporting.decisions.confidence_score IS 'Confidence from 0 to 1.';
COMMENT ON COLUMN reporting.decisions.action_taken IS 'What was done about it, such as opened_long or no_action.';
COMMENT ON COLUMN reporting.decisions.price IS 'Market price at the decision, in quote currency.';
COMMENT ON COLUMN reporting.decisions.position_size IS 'Size decided on, as a fraction of the balance.';
COMMENT ON COLUMN reporting.decisions.volume IS 'Traded volume of the candle, in units of the base asset.';
COMMENT ON COLUMN reporting.decisions.volatility IS
'Volatility of the price as a fraction, over the strategy''s own window.';
COMMENT ON COLUMN reporting.decisions.indicators IS 'Values of the indicators.';
COMMENT ON COLUMN reporting.decisions.reasons IS 'The decision''s reasons.';

-- The schema reporting: trades and positions.

CREATE VIEW reporting.trades AS
SELECT t.exit_time AS time, t.session_id, s.mode, t.id AS trade_id, t.position_id, t.strategy_name, t.symbol, t.side,
       t.entry_time, t.entry_price, t.exit_price, t.size, t.quantity, t.pnl AS gross_pnl, t.commission,
       t.margin_interest_cost, t.net_pnl, t.pnl_percent, sign(t.pnl)::integer AS outcome,
       extract(EPOCH FROM t.exit_time - t.entry_time) / 3600 AS holding_hours, t.exit_reason, t.stop_loss,
       t.take_profit, t.confidence_score, t.mfe, t.mae, t.exchange, t.timeframe
  FROM trades AS t
  JOIN trading_sessions AS s ON s.id = t.session_id AND NOT s.is_verification;
COMMENT ON VIEW reporting.trades IS 'Completed trades.';
COMMENT ON COLUMN reporting.trades.time IS 'When the trade was closed.';
COMMENT ON COLUMN reporting.trades.session_id IS 'Session that traded.';
COMMENT ON COLUMN reporting.trades.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.trades.trade_id IS 'Identifier.';
COMMENT ON COLUMN reporting.trades.position_id IS
'Position that was closed, of the same session; NULL for a trade logged without one.';
COMMENT ON COLUMN reporting.trades.strategy_name IS 'Strategy that traded.';
COMMENT ON COLUMN reporting.trades.symbol IS 'Instrument.';
COMMENT ON COLUMN reporting.trades.side IS 'LONG or SHORT.';
COMMENT ON COLUMN reporting.trades.entry_time IS 'When the position was entered.';
COMMENT ON COLUMN reporting.trades.entry_price IS 'Average price of all entries, in quote currency.';
COMMENT ON COLUMN reporting.trades.exit_price IS 'Price of the final exit, in quote currency.';
COMMENT ON COLUMN reporting.trades.size IS 'Everything entered, as a fraction of the balance at entry.';
COMMENT ON COLUMN reporting.trades.quantity IS 'Everything entered, in units of the base asset.';
COMMENT ON COLUMN reporting.trades.gross_pnl IS 'P&L before costs, in the session''s base currency.';
COMMENT ON COLUMN reporting.trades.commission IS
'Fees of all fills, in the session''s base currency; negative for a rebate.';
COMMENT ON COLUMN reporting.trades.margin_interest_cost IS
'Interest paid on borrowed funds, in the session''s base currency.';
COMMENT ON COLUMN reporting.trades.net_pnl IS
'pnl - commission - margin_interest_cost, in the session''s base currency.';
COMMENT ON COLUMN reporting.trades.pnl_percent IS
'pnl in percent of everything entered (price x quantity); without a quantity, the price''s move in the trade''s favour '
'(5 = 5 %).';
COMMENT ON COLUMN reporting.trades.outcome IS '1 = win (gross_pnl > 0), -1 = loss, 0 = neither.';
COMMENT ON COLUMN reporting.trades.holding_hours IS 'Time from entry to exit, in hours.';
COMMENT ON COLUMN reporting.trades.exit_reason IS 'Why the trade was closed.';
COMMENT ON COLUMN reporting.trades.stop_loss IS 'Stop price at the exit, in quote currency.';
COMMENT ON COLUMN reporting.trades.take_profit IS 'Target price at the exit, in quote currency.';
COMMENT ON COLUMN reporting.trades.confidence_score IS 'The strategy''s confidence at entry, from 0 to 1.';
COMMENT ON COLUMN reporting.trades.mfe IS 'Maximum favourable excursion, as a fraction of the entry price.';
COMMENT ON COLUMN reporting.trades.mae IS 'Maximum adverse excursion, as a fraction of the entry price.';
COMMENT ON COLUMN reporting.trades.exchange IS 'Exchange that executed the trade.';
COMMENT ON COLUMN reporting.trades.timeframe IS 'Length of one candle, such as 1h.';

CREATE VIEW reporting.recent_outcomes AS
SELECT t.exit_time AS time, s.id AS session_id, s.mode, t.place, t.trade_id, t.strategy_name, t.symbol, t.outcome,
       t.gross_pnl, t.net_pnl
  FROM trading_sessions AS s
 CROSS JOIN LATERAL (
           SELECT r.exit_time, r.id AS trade_id, r.strategy_name, r.symbol, sign(r.pnl)::integer AS outcome,
                  r.pnl AS gross_pnl, r.net_pnl,
                  (row_number() OVER (ORDER BY r.exit_time DESC, r.id DESC))::integer AS place
             FROM trades AS r
            WHERE r.session_id = s.id
            ORDER BY r.exit_time DESC, r.id DESC
            LIMIT 10
       ) AS t
 WHERE NOT s.is_verification;
COMMENT ON VIEW reporting.recent_outcomes IS 'How the last ten trades of every session ended.';
COMMENT ON COLUMN reporting.recent_outcomes.time IS 'When the trade was closed.';
COMMENT ON COLUMN reporting.recent_outcomes.session_id IS 'Session that traded.';
COMMENT ON COLUMN reporting.recent_outcomes.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.recent_outcomes.place IS '1 = the newest.';
COMMENT ON COLUMN reporting.recent_outcomes.trade_id IS 'Identifier.';
COMMENT ON COLUMN reporting.recent_outcomes.strategy_name IS 'Strategy that traded.';
COMMENT ON COLUMN reporting.recent_outcomes.symbol IS 'Instrument.';
COMMENT ON COLUMN reporting.recent_outcomes.outcome IS '1 = win (gross_pnl > 0), -1 = loss, 0 = neither.';
COMMENT ON COLUMN reporting.recent_outcomes.gross_pnl IS 'P&L before costs, in the session''s base currency.';
COMMENT ON COLUMN reporting.recent_outcomes.net_pnl IS
'pnl - commission - margin_interest_cost, in the session''s base currency.';

CREATE VIEW reporting.open_positions AS
SELECT p.entry_time AS time, p.session_id, s.mode, p.id AS position_id, p.strategy_name, p.symbol, p.side,
       p.entry_price, p.current_price, p.size, p.current_size, p.quantity, p.current_quantity, p.unrealized_pnl,
       p.unrealized_pnl_percent, p.realized_pnl, p.stop_loss, p.take_profit, p.trailing_stop_price,
       p.partial_exits_taken, p.scale_ins_taken, p.mfe, p.mae, p.last_update
  FROM positions AS p
  JOIN trading_sessions AS s ON s.id = p.session_id AND NOT s.is_verification
 WHERE p.status = 'OPEN';
COMMENT ON VIEW reporting.open_positions IS 'Positions that are open, and what they would earn now.';
COMMENT ON COLUMN reporting.open_positions.time IS 'When the position was entered.';
COMMENT ON COLUMN reporting.open_positions.session_id IS 'Session that holds the position.';
COMMENT ON COLUMN reporting.open_positions.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.open_positions.position_id IS 'Identifier.';
COMMENT ON COLUMN reporting.open_positions.strategy_name IS 'Strategy that opened the position.';
COMMENT ON COLUMN reporting.open_positions.symbol IS 'Instrument.';
COMMENT ON COLUMN reporting.open_positions.side IS 'LONG earns when the price rises, SHORT when it falls.';
COMMENT ON COLUMN reporting.open_positions.entry_price IS
'Average entry price of the open quantity, in quote currency: scale-ins are weighted in.';
COMMENT ON COLUMN reporting.open_positions.current_price IS 'Newest known market price, in quote currency.';
COMMENT ON COLUMN reporting.open_positions.size IS
'Entered so far, as a fraction of the balance at entry: the original size and every scale-in.';
COMMENT ON COLUMN reporting.open_positions.current_size IS
'Open size as a fraction of the balance at entry; of a CLOSED position what the final exit closed.';
COMMENT ON COLUMN reporting.open_positions.quantity IS
'Entered so far, in units of the base asset: the original quantity and every scale-in.';
COMMENT ON COLUMN reporting.open_positions.current_quantity IS
'Open quantity in units of the base asset; of a CLOSED position what the final exit closed.';
COMMENT ON COLUMN reporting.open_positions.unrealized_pnl IS
'P&L of the open quantity at current_price, in the session''s base currency.';
COMMENT ON COLUMN reporting.open_positions.unrealized_pnl_percent IS
'The same in percent of the open quantity''s entry value (5 = 5 %).';
COMMENT ON COLUMN reporting.open_positions.realized_pnl IS
'Gross P&L of all exits so far, in the session''s base currency; of a CLOSED position its whole result before costs.';
COMMENT ON COLUMN reporting.open_positions.stop_loss IS
'Price at which the position is closed at a loss, in quote currency.';
COMMENT ON COLUMN reporting.open_positions.take_profit IS
'Price at which the position is closed at a profit, in quote currency.';
COMMENT ON COLUMN reporting.open_positions.trailing_stop_price IS
'Where the trailing stop stands now, in quote currency.';
COMMENT ON COLUMN reporting.open_positions.partial_exits_taken IS 'Number of partial exits so far.';
COMMENT ON COLUMN reporting.open_positions.scale_ins_taken IS 'Number of scale-ins so far.';
COMMENT ON COLUMN reporting.open_positions.mfe IS
'Maximum favourable excursion since entry, as a fraction of the entry price.';
COMMENT ON COLUMN reporting.open_positions.mae IS
'Maximum adverse excursion since entry, as a fraction of the entry price.';
COMMENT ON COLUMN reporting.open_positions.last_update IS 'When the row last changed.';

CREATE VIEW reporting.partial_trades AS
SELECT t.timestamp AS time, p.session_id, s.mode, t.id AS partial_trade_id, t.position_id, p.strategy_name, p.symbol,
       p.side, t.operation_type, t.size, t.quantity, t.price, t.pnl AS gross_pnl, t.target_level
  FROM partial_trades AS t
  JOIN positions AS p ON p.id = t.position_id
  JOIN trading_sessions AS s ON s.id = p.session_id AND NOT s.is_verification;
COMMENT ON VIEW reporting.partial_trades IS 'Partial exits and scale-ins.';
COMMENT ON COLUMN reporting.partial_trades.time IS 'When it was executed.';
COMMENT ON COLUMN reporting.partial_trades.session_id IS 'Session that holds the position.';
COMMENT ON COLUMN reporting.partial_trades.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.partial_trades.partial_trade_id IS 'Identifier.';
COMMENT ON COLUMN reporting.partial_trades.position_id IS 'Position that was made smaller or larger.';
COMMENT ON COLUMN reporting.partial_trades.strategy_name IS 'Strategy that opened the position.';
COMMENT ON COLUMN reporting.partial_trades.symbol IS 'Instrument.';
COMMENT ON COLUMN reporting.partial_trades.side IS 'LONG earns when the price rises, SHORT when it falls.';
COMMENT ON COLUMN reporting.partial_trades.operation_type IS 'PARTIAL_EXIT or SCALE_IN.';
COMMENT ON COLUMN reporting.partial_trades.size IS
'Fraction of the position''s ORIGINAL size (0.25 = a quarter of what was first entered).';
COMMENT ON COLUMN reporting.partial_trades.quantity IS 'The same in units of the base asset.';
COMMENT ON COLUMN reporting.partial_trades.price IS 'Execution price, in quote currency.';
COMMENT ON COLUMN reporting.partial_trades.gross_pnl IS
'Gross P&L that a partial exit realised, in the session''s base currency; NULL for a scale-in.';
COMMENT ON COLUMN reporting.partial_trades.target_level IS 'Index of the profit target or scale-in threshold, from 0.';

-- The schema reporting: orders and how they were filled.

CREATE VIEW reporting.orders AS
SELECT o.created_at AS time, o.session_id, s.mode, o.id AS order_id, o.position_id, o.order_type, o.status,
       o.strategy_name, o.symbol, o.side, o.quantity, o.price, o.filled_quantity, o.filled_price,
       slippage(o.order_type, o.side, o.price, o.filled_price) AS slippage, o.commission, o.exchange_order_id,
       o.internal_order_id, o.failure_reason, o.filled_at, o.cancelled_at, o.last_update
  FROM orders AS o
  JOIN trading_sessions AS s ON s.id = o.session_id AND NOT s.is_verification;
COMMENT ON VIEW reporting.orders IS 'Every order, with its slippage.';
COMMENT ON COLUMN reporting.orders.time IS 'When the order was journaled.';
COMMENT ON COLUMN reporting.orders.session_id IS 'Session that sends the order.';
COMMENT ON COLUMN reporting.orders.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.orders.order_id IS 'Identifier.';
COMMENT ON COLUMN reporting.orders.position_id IS
'Position that the order belongs to, of the same session; NULL until the position exists.';
COMMENT ON COLUMN reporting.orders.order_type IS 'What the order does to its position.';
COMMENT ON COLUMN reporting.orders.status IS 'State; moves forward only.';
COMMENT ON COLUMN reporting.orders.strategy_name IS 'Strategy that asked for the order.';
COMMENT ON COLUMN reporting.orders.symbol IS 'Instrument.';
COMMENT ON COLUMN reporting.orders.side IS
'Side of the position that the order belongs to: an exit of a LONG position is LONG too.';
COMMENT ON COLUMN reporting.orders.quantity IS 'Requested quantity, in units of the base asset.';
COMMENT ON COLUMN reporting.orders.price IS 'Requested price, in quote currency; NULL for a market order.';
COMMENT ON COLUMN reporting.orders.filled_quantity IS
'Filled so far, in units of the base asset; never shrinks, never exceeds quantity.';
COMMENT ON COLUMN reporting.orders.filled_price IS 'Average price of the fills, in quote currency.';
COMMENT ON COLUMN reporting.orders.slippage IS
'How much worse than price the fills were, as a fraction of price: positive when bought for more or sold for less.';
COMMENT ON COLUMN reporting.orders.commission IS
'Fees charged for the fills, in the session''s base currency; negative for a rebate.';
COMMENT ON COLUMN reporting.orders.exchange_order_id IS 'The exchange''s identifier; once per session and symbol.';
COMMENT ON COLUMN reporting.orders.internal_order_id IS
'Our own identifier, sent as the client order id; once per session.';
COMMENT ON COLUMN reporting.orders.failure_reason IS 'Why the order failed, was cancelled or expired.';
COMMENT ON COLUMN reporting.orders.filled_at IS 'When the newest fill happened.';
COMMENT ON COLUMN reporting.orders.cancelled_at IS 'When the order was cancelled or expired.';
COMMENT ON COLUMN reporting.orders.last_update IS 'When the row last changed.';

CREATE VIEW reporting.pending_orders AS
SELECT o.created_at AS time, o.session_id, s.mode, o.id AS order_id, o.position_id, o.order_type, o.status,
       o.strategy_name, o.symbol, o.side, o.quantity, o.price, o.filled_quantity, o.filled_price,
       slippage(o.order_type, o.side, o.price, o.filled_price) AS slippage, o.commission, o.exchange_order_id,
       o.internal_order_id, o.failure_reason, o.filled_at, o.cancelled_at, o.last_update
  FROM orders AS o
  JOIN trading_sessions AS s ON s.id = o.session_id AND NOT s.is_verification
 WHERE o.status IN ('PENDING', 'OPEN', 'PARTIALLY_FILLED', 'UNKNOWN');
COMMENT ON VIEW reporting.pending_orders IS 'Orders that may still be filled.';
COMMENT ON COLUMN reporting.pending_orders.time IS 'When the order was journaled.';
COMMENT ON COLUMN reporting.pending_orders.session_id IS 'Session that sends the order.';
COMMENT ON COLUMN reporting.pending_orders.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.pending_orders.order_id IS 'Identifier.';
COMMENT ON COLUMN reporting.pending_orders.position_id IS
'Position that the order belongs to, of the same session; NULL until the position exists.';
COMMENT ON COLUMN reporting.pending_orders.order_type IS 'What the order does to its position.';
COMMENT ON COLUMN reporting.pending_orders.status IS 'State; moves forward only.';
COMMENT ON COLUMN reporting.pending_orders.strategy_name IS 'Strategy that asked for the order.';
COMMENT ON COLUMN reporting.pending_orders.symbol IS 'Instrument.';
COMMENT ON COLUMN reporting.pending_orders.side IS
'Side of the position that the order belongs to: an exit of a LONG position is LONG too.';
COMMENT ON COLUMN reporting.pending_orders.quantity IS 'Requested quantity, in units of the base asset.';
COMMENT ON COLUMN reporting.pending_orders.price IS 'Requested price, in quote currency; NULL for a market order.';
COMMENT ON COLUMN reporting.pending_orders.filled_quantity IS
'Filled so far, in units of the base asset; never shrinks, never exceeds quantity.';
COMMENT ON COLUMN reporting.pending_orders.filled_price IS 'Average price of the fills, in quote currency.';
COMMENT ON COLUMN reporting.pending_orders.slippage IS
'How much worse than price the fills were, as a fraction of price: positive when bought for more or sold for less.';
COMMENT ON COLUMN reporting.pending_orders.commission IS
'Fees charged for the fills, in the session''s base currency; negative for a rebate.';
COMMENT ON COLUMN reporting.pending_orders.exchange_order_id IS
'The exchange''s identifier; once per session and symbol.';
COMMENT ON COLUMN reporting.pending_orders.internal_order_id IS
'Our own identifier, sent as the client order id; once per session.';
COMMENT ON COLUMN reporting.pending_orders.failure_reason IS 'Why the order failed, was cancelled or expired.';
COMMENT ON COLUMN reporting.pending_orders.filled_at IS 'When the newest fill happened.';
COMMENT ON COLUMN reporting.pending_orders.cancelled_at IS 'When the order was cancelled or expired.';
COMMENT ON COLUMN reporting.pending_orders.last_update IS 'When the row last changed.';

CREATE VIEW reporting.failed_orders AS
SELECT o.created_at AS time, o.session_id, s.mode, o.id AS order_id, o.position_id, o.order_type, o.status,
       o.strategy_name, o.symbol, o.side, o.quantity, o.price, o.filled_quantity, o.filled_price,
       slippage(o.order_type, o.side, o.price, o.filled_price) AS slippage, o.commission, o.exchange_order_id,
       o.internal_order_id, o.failure_reason, o.filled_at, o.cancelled_at, o.last_update
  FROM orders AS o
  JOIN trading_sessions AS s ON s.id = o.session_id AND NOT s.is_verification
 WHERE o.status = 'FAILED';
COMMENT ON VIEW reporting.failed_orders IS 'Orders that failed, with the reason.';
COMMENT ON COLUMN reporting.failed_orders.time IS 'When the order was journaled.';
COMMENT ON COLUMN reporting.failed_orders.session_id IS 'Session that sends the order.';
COMMENT ON COLUMN reporting.failed_orders.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.failed_orders.order_id IS 'Identifier.';
COMMENT ON COLUMN reporting.failed_orders.position_id IS
'Position that the order belongs to, of the same session; NULL until the position exists.';
COMMENT ON COLUMN reporting.failed_orders.order_type IS 'What the order does to its position.';
COMMENT ON COLUMN reporting.failed_orders.status IS 'State; moves forward only.';
COMMENT ON COLUMN reporting.failed_orders.strategy_name IS 'Strategy that asked for the order.';
COMMENT ON COLUMN reporting.failed_orders.symbol IS 'Instrument.';
COMMENT ON COLUMN reporting.failed_orders.side IS
'Side of the position that the order belongs to: an exit of a LONG position is LONG too.';
COMMENT ON COLUMN reporting.failed_orders.quantity IS 'Requested quantity, in units of the base asset.';
COMMENT ON COLUMN reporting.failed_orders.price IS 'Requested price, in quote currency; NULL for a market order.';
COMMENT ON COLUMN reporting.failed_orders.filled_quantity IS
'Filled so far, in units of the base asset; never shrinks, never exceeds quantity.';
COMMENT ON COLUMN reporting.failed_orders.filled_price IS 'Average price of the fills, in quote currency.';
COMMENT ON COLUMN reporting.failed_orders.slippage IS
'How much worse than price the fills were, as a fraction of price: positive when bought for more or sold for less.';
COMMENT ON COLUMN reporting.failed_orders.commission IS
'Fees charged for the fills, in the session''s base currency; negative for a rebate.';
COMMENT ON COLUMN reporting.failed_orders.exchange_order_id IS
'The exchange''s identifier; once per session and symbol.';
COMMENT ON COLUMN reporting.failed_orders.internal_order_id IS
'Our own identifier, sent as the client order id; once per session.';
COMMENT ON COLUMN reporting.failed_orders.failure_reason IS 'Why the order failed, was cancelled or expired.';
COMMENT ON COLUMN reporting.failed_orders.filled_at IS 'When the newest fill happened.';
COMMENT ON COLUMN reporting.failed_orders.cancelled_at IS 'When the order was cancelled or expired.';
COMMENT ON COLUMN reporting.failed_orders.last_update IS 'When the row last changed.';

CREATE VIEW reporting.order_quality AS
SELECT f.newest_order AS time, s.id AS session_id, s.mode, s.strategy_name, s.symbol, f.order_type, f.total_orders,
       f.filled_orders, f.partially_filled_orders, f.cancelled_orders, f.failed_orders, f.expired_orders,
       f.unresolved_orders, f.fill_rate, f.slipped_orders, f.avg_slippage, f.worst_slippage, f.slippage_cost,
       f.commission
  FROM trading_sessions AS s
 CROSS JOIN LATERAL order_figures(s.id, NULL, NULL, NULL, NULL, NULL) AS f
 WHERE NOT s.is_verification;
COMMENT ON VIEW reporting.order_quality IS 'How well the orders of every session were filled, by their type.';
COMMENT ON COLUMN reporting.order_quality.time IS 'When the newest of them was journaled.';
COMMENT ON COLUMN reporting.order_quality.session_id IS 'Session.';
COMMENT ON COLUMN reporting.order_quality.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.order_quality.strategy_name IS 'Strategy of the session.';
COMMENT ON COLUMN reporting.order_quality.symbol IS 'Instrument of the session.';
COMMENT ON COLUMN reporting.order_quality.order_type IS 'What the order does to its position.';
COMMENT ON COLUMN reporting.order_quality.total_orders IS 'Number of orders.';
COMMENT ON COLUMN reporting.order_quality.filled_orders IS 'Number of orders that are FILLED.';
COMMENT ON COLUMN reporting.order_quality.partially_filled_orders IS
'Number of orders with fills that are not FILLED, whatever their state.';
COMMENT ON COLUMN reporting.order_quality.cancelled_orders IS 'Number of orders that are CANCELLED.';
COMMENT ON COLUMN reporting.order_quality.failed_orders IS 'Number of orders that are FAILED.';
COMMENT ON COLUMN reporting.order_quality.expired_orders IS 'Number of orders that are EXPIRED.';
COMMENT ON COLUMN reporting.order_quality.unresolved_orders IS 'Number of orders that may still be filled.';
COMMENT ON COLUMN reporting.order_quality.fill_rate IS
'FILLED / (FILLED, CANCELLED, FAILED and EXPIRED), as a fraction; NULL while none is final.';
COMMENT ON COLUMN reporting.order_quality.slipped_orders IS 'Number of orders with a requested and a filled price.';
COMMENT ON COLUMN reporting.order_quality.avg_slippage IS
'Their mean slippage, as a fraction of the requested price; positive = worse than requested.';
COMMENT ON COLUMN reporting.order_quality.worst_slippage IS 'Their largest slippage, as a fraction.';
COMMENT ON COLUMN reporting.order_quality.slippage_cost IS
'Sum of slippage x price x filled quantity, in quote currency.';
COMMENT ON COLUMN reporting.order_quality.commission IS 'Sum of commission, in the session''s base currency.';

-- The schema reporting: equity, drawdowns and the figures made of them.

CREATE VIEW reporting.equity AS
SELECT c.timestamp AS time, c.session_id, s.mode, s.strategy_name, s.symbol, c.balance, c.equity, c.peak,
       drawdown(c.peak, c.equity) AS drawdown, c.margin_used, c.margin_available, c.open_positions, c.total_exposure
  FROM (
           SELECT h.session_id, h.timestamp, h.balance, h.equity, h.margin_used, h.margin_available, h.open_positions,
                  h.total_exposure,
                  max(h.equity) OVER (
                      PARTITION BY h.session_id ORDER BY h.timestamp, h.id ROWS UNBOUNDED PRECEDING
                  ) AS peak
             FROM account_history AS h
       ) AS c
  JOIN trading_sessions AS s ON s.id = c.session_id AND NOT s.is_verification;
COMMENT ON VIEW reporting.equity IS
'The equity curve of every session: its snapshots with the running peak and the drawdown from it.';
COMMENT ON COLUMN reporting.equity.time IS 'When the snapshot was taken.';
COMMENT ON COLUMN reporting.equity.session_id IS 'Session whose account it is.';
COMMENT ON COLUMN reporting.equity.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.equity.strategy_name IS 'Strategy of the session.';
COMMENT ON COLUMN reporting.equity.symbol IS 'Instrument of the session.';
COMMENT ON COLUMN reporting.equity.balance IS 'Balance without open positions, in the session''s base currency.';
COMMENT ON COLUMN reporting.equity.equity IS 'Balance and unrealised P&L together, in the session''s base currency.';
COMMENT ON COLUMN reporting.equity.peak IS 'Highest equity so far, in the session''s base currency.';
COMMENT ON COLUMN reporting.equity.drawdown IS '(peak - equity) / peak, as a fraction.';
COMMENT ON COLUMN reporting.equity.margin_used IS 'Margin that open positions hold, in the session''s base currency.';
COMMENT ON COLUMN reporting.equity.margin_available IS 'Margin left, in the session''s base currency.';
COMMENT ON COLUMN reporting.equity.open_positions IS 'Number of open positions.';
COMMENT ON COLUMN reporting.equity.total_exposure IS 'Value of the open positions, in the session''s base currency.';

CREATE VIEW reporting.daily_equity AS
SELECT e.day AS time, s.id AS session_id, s.mode, s.strategy_name, s.symbol, e.equity, e.daily_return, e.max_drawdown
  FROM trading_sessions AS s
 CROSS JOIN LATERAL daily_equity(s.id, NULL, NULL, NULL, NULL, NULL) AS e
 WHERE NOT s.is_verification;
COMMENT ON VIEW reporting.daily_equity IS 'The equity at the end of every UTC day of every session, and its return.';
COMMENT ON COLUMN reporting.daily_equity.time IS 'First moment of the UTC day.';
COMMENT ON COLUMN reporting.daily_equity.session_id IS 'Session.';
COMMENT ON COLUMN reporting.daily_equity.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.daily_equity.strategy_name IS 'Strategy of the session.';
COMMENT ON COLUMN reporting.daily_equity.symbol IS 'Instrument of the session.';
COMMENT ON COLUMN reporting.daily_equity.equity IS
'Newest equity of the day or, on a day without news, of the day before, in base currency: of the snapshots or, in a '
'session without any, initial balance + cumulative net P&L.';
COMMENT ON COLUMN reporting.daily_equity.daily_return IS
'equity / the equity before the day - 1, as a fraction; the first day starts from the initial balance.';
COMMENT ON COLUMN reporting.daily_equity.max_drawdown IS
'Largest (running peak - equity) / running peak during the day, as a fraction; the peak is that of the session so far.';

CREATE VIEW reporting.drawdown AS
SELECT d.started_at AS time, s.id AS session_id, s.mode, s.strategy_name, s.symbol, d.trough_at, d.recovered_at,
       d.peak, d.trough, d.drawdown
  FROM trading_sessions AS s
 CROSS JOIN LATERAL drawdown_episodes(s.id, NULL, NULL, NULL, NULL, NULL) AS d
 WHERE NOT s.is_verification;
COMMENT ON VIEW reporting.drawdown IS 'Every time that a session''s equity was below its peak.';
COMMENT ON COLUMN reporting.drawdown.time IS 'The last moment at the peak.';
COMMENT ON COLUMN reporting.drawdown.session_id IS 'Session.';
COMMENT ON COLUMN reporting.drawdown.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.drawdown.strategy_name IS 'Strategy of the session.';
COMMENT ON COLUMN reporting.drawdown.symbol IS 'Instrument of the session.';
COMMENT ON COLUMN reporting.drawdown.trough_at IS 'When the equity was lowest.';
COMMENT ON COLUMN reporting.drawdown.recovered_at IS 'When the equity was back at the peak; NULL = not yet.';
COMMENT ON COLUMN reporting.drawdown.peak IS 'Equity at the peak, in base currency.';
COMMENT ON COLUMN reporting.drawdown.trough IS 'Lowest equity, in base currency.';
COMMENT ON COLUMN reporting.drawdown.drawdown IS '(peak - trough) / peak, as a fraction.';

CREATE VIEW reporting.performance AS
SELECT s.start_time AS time, s.id AS session_id, s.session_name, s.mode, s.strategy_name, s.symbol, s.base_currency,
       f.total_trades, f.winning_trades, f.losing_trades, f.win_rate, f.gross_profit, f.gross_loss, f.gross_pnl,
       f.commission, f.margin_interest_cost, f.net_pnl, f.total_return_percent, f.profit_factor, f.expectancy,
       f.avg_win, f.avg_loss, f.best_trade_pnl, f.worst_trade_pnl, f.largest_win_streak, f.largest_loss_streak,
       f.current_streak, f.max_drawdown, f.avg_holding_hours, f.avg_win_holding_hours, f.avg_loss_holding_hours,
       f.best_day, f.best_day_net_pnl, f.worst_day, f.worst_day_net_pnl, f.equity_days, f.annualized_return,
       f.annualized_volatility, f.sharpe_ratio, f.sortino_ratio, f.calmar_ratio, f.var_95
  FROM trading_sessions AS s
 CROSS JOIN LATERAL performance_figures(s.id, NULL, NULL, NULL, NULL, NULL) AS f
 WHERE NOT s.is_verification;
COMMENT ON VIEW reporting.performance IS
'Every figure of performance of every session, over all its trades and its equity.';
COMMENT ON COLUMN reporting.performance.time IS 'When the session began.';
COMMENT ON COLUMN reporting.performance.session_id IS 'Session.';
COMMENT ON COLUMN reporting.performance.session_name IS 'Name for people; not unique.';
COMMENT ON COLUMN reporting.performance.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.performance.strategy_name IS 'Strategy of the session.';
COMMENT ON COLUMN reporting.performance.symbol IS 'Instrument of the session.';
COMMENT ON COLUMN reporting.performance.base_currency IS 'Currency of every amount in the session''s books.';
COMMENT ON COLUMN reporting.performance.total_trades IS 'Number of trades, those with pnl = 0 included.';
COMMENT ON COLUMN reporting.performance.winning_trades IS 'Number of trades with pnl > 0.';
COMMENT ON COLUMN reporting.performance.losing_trades IS 'Number of trades with pnl < 0.';
COMMENT ON COLUMN reporting.performance.win_rate IS
'winning_trades / total_trades, as a fraction; NULL without trades.';
COMMENT ON COLUMN reporting.performance.gross_profit IS 'Sum of the positive pnl, in base_currency.';
COMMENT ON COLUMN reporting.performance.gross_loss IS 'Sum of the negative pnl without its sign, in base_currency.';
COMMENT ON COLUMN reporting.performance.gross_pnl IS 'gross_profit - gross_loss, in base_currency.';
COMMENT ON COLUMN reporting.performance.commission IS 'Sum of commission, in base_currency.';
COMMENT ON COLUMN reporting.performance.margin_interest_cost IS 'Sum of margin interest, in base_currency.';
COMMENT ON COLUMN reporting.performance.net_pnl IS 'gross_pnl - commission - margin_interest_cost, in base_currency.';
COMMENT ON COLUMN reporting.performance.total_return_percent IS 'net_pnl in percent of the initial balance (5 = 5 %).';
COMMENT ON COLUMN reporting.performance.profit_factor IS 'gross_profit / gross_loss; NULL without losses.';
COMMENT ON COLUMN reporting.performance.expectancy IS
'Mean gross P&L of a trade, in base_currency; NULL without trades.';
COMMENT ON COLUMN reporting.performance.avg_win IS
'Mean gross P&L of the winning trades, in base_currency; NULL without one.';
COMMENT ON COLUMN reporting.performance.avg_loss IS
'Mean gross P&L of the losing trades, negative, in base_currency; NULL without one.';
COMMENT ON COLUMN reporting.performance.best_trade_pnl IS 'Largest gross P&L of one trade, in base_currency.';
COMMENT ON COLUMN reporting.performance.worst_trade_pnl IS 'Smallest gross P&L of one trade, in base_currency.';
COMMENT ON COLUMN reporting.performance.largest_win_streak IS
'Longest run of winning trades in order of exit; a trade with pnl = 0 ends it.';
COMMENT ON COLUMN reporting.performance.largest_loss_streak IS
'Longest run of losing trades in order of exit; a trade with pnl = 0 ends it.';
COMMENT ON COLUMN reporting.performance.current_streak IS
'Wins in a row up to the newest trade; negative: losses in a row.';
COMMENT ON COLUMN reporting.performance.max_drawdown IS
'Largest (running peak - equity) / running peak, as a fraction: of the snapshots in account_history when there are '
'any, else of initial balance + cumulative net P&L.';
COMMENT ON COLUMN reporting.performance.avg_holding_hours IS 'Mean time from entry to exit, in hours.';
COMMENT ON COLUMN reporting.performance.avg_win_holding_hours IS 'The same of the winning trades.';
COMMENT ON COLUMN reporting.performance.avg_loss_holding_hours IS 'The same of the losing trades.';
COMMENT ON COLUMN reporting.performance.best_day IS 'UTC day of exit with the largest net P&L.';
COMMENT ON COLUMN reporting.performance.best_day_net_pnl IS 'Its net P&L, in base_currency.';
COMMENT ON COLUMN reporting.performance.worst_day IS 'UTC day of exit with the smallest net P&L.';
COMMENT ON COLUMN reporting.performance.worst_day_net_pnl IS 'Its net P&L, in base_currency.';
COMMENT ON COLUMN reporting.performance.equity_days IS
'Number of UTC days from the first to the last equity; the ratios that follow need two.';
COMMENT ON COLUMN reporting.performance.annualized_return IS
'(last equity / initial balance) ^ (365 / equity_days) - 1, as a fraction.';
COMMENT ON COLUMN reporting.performance.annualized_volatility IS
'Sample standard deviation of the daily returns x sqrt(365), as a fraction.';
COMMENT ON COLUMN reporting.performance.sharpe_ratio IS
'Mean daily return / its sample standard deviation x sqrt(365); the risk-free rate is taken as 0.';
COMMENT ON COLUMN reporting.performance.sortino_ratio IS
'Mean daily return / root mean square of the negative daily returns over all days x sqrt(365); NULL without a negative '
'one.';
COMMENT ON COLUMN reporting.performance.calmar_ratio IS 'annualized_return / max_drawdown; NULL without a drawdown.';
COMMENT ON COLUMN reporting.performance.var_95 IS
'Value at risk: the daily return that 5 % of the days do not exceed, as a fraction; normally negative.';

-- The schema reporting: P&L by period, strategy, symbol and exit reason.

CREATE VIEW reporting.daily_pnl AS
SELECT m.period_start AS time, m.session_id, s.mode, s.strategy_name, s.symbol, m.total_trades, m.winning_trades,
       m.losing_trades, m.win_rate, m.gross_profit - m.gross_loss AS gross_pnl,
       m.commission + m.margin_interest_cost AS costs, m.net_pnl
  FROM performance_metrics AS m
  JOIN trading_sessions AS s ON s.id = m.session_id AND NOT s.is_verification
 WHERE m.period = 'DAILY';
COMMENT ON VIEW reporting.daily_pnl IS 'The P&L of every session by UTC day.';
COMMENT ON COLUMN reporting.daily_pnl.time IS 'First moment of the day, in UTC; trades count on the day of their exit.';
COMMENT ON COLUMN reporting.daily_pnl.session_id IS 'Session.';
COMMENT ON COLUMN reporting.daily_pnl.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.daily_pnl.strategy_name IS 'Strategy of the session.';
COMMENT ON COLUMN reporting.daily_pnl.symbol IS 'Instrument of the session.';
COMMENT ON COLUMN reporting.daily_pnl.total_trades IS 'Number of trades, those with pnl = 0 included.';
COMMENT ON COLUMN reporting.daily_pnl.winning_trades IS 'Number of trades with pnl > 0.';
COMMENT ON COLUMN reporting.daily_pnl.losing_trades IS 'Number of trades with pnl < 0.';
COMMENT ON COLUMN reporting.daily_pnl.win_rate IS 'winning_trades / total_trades, as a fraction.';
COMMENT ON COLUMN reporting.daily_pnl.gross_pnl IS 'P&L before costs, in the session''s base currency.';
COMMENT ON COLUMN reporting.daily_pnl.costs IS 'Commission and margin interest, in the session''s base currency.';
COMMENT ON COLUMN reporting.daily_pnl.net_pnl IS 'gross_pnl - costs, in the session''s base currency.';

CREATE VIEW reporting.weekly_pnl AS
SELECT date_trunc('week', m.period_start, 'UTC') AS time, m.session_id, s.mode, s.strategy_name, s.symbol,
       sum(m.total_trades)::integer AS total_trades, sum(m.winning_trades)::integer AS winning_trades,
       sum(m.losing_trades)::integer AS losing_trades,
       sum(m.winning_trades)::numeric / sum(m.total_trades) AS win_rate,
       sum(m.gross_profit - m.gross_loss) AS gross_pnl, sum(m.commission + m.margin_interest_cost) AS costs,
       sum(m.net_pnl) AS net_pnl
  FROM performance_metrics AS m
  JOIN trading_sessions AS s ON s.id = m.session_id AND NOT s.is_verification
 WHERE m.period = 'DAILY'
 GROUP BY date_trunc('week', m.period_start, 'UTC'), m.session_id, s.mode, s.strategy_name, s.symbol;
COMMENT ON VIEW reporting.weekly_pnl IS 'The P&L of every session by ISO week, from Monday (UTC).';
COMMENT ON COLUMN reporting.weekly_pnl.time IS
'First moment of the week, in UTC; trades count in the week of their exit.';
COMMENT ON COLUMN reporting.weekly_pnl.session_id IS 'Session.';
COMMENT ON COLUMN reporting.weekly_pnl.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.weekly_pnl.strategy_name IS 'Strategy of the session.';
COMMENT ON COLUMN reporting.weekly_pnl.symbol IS 'Instrument of the session.';
COMMENT ON COLUMN reporting.weekly_pnl.total_trades IS 'Number of trades, those with pnl = 0 included.';
COMMENT ON COLUMN reporting.weekly_pnl.winning_trades IS 'Number of trades with pnl > 0.';
COMMENT ON COLUMN reporting.weekly_pnl.losing_trades IS 'Number of trades with pnl < 0.';
COMMENT ON COLUMN reporting.weekly_pnl.win_rate IS 'winning_trades / total_trades, as a fraction.';
COMMENT ON COLUMN reporting.weekly_pnl.gross_pnl IS 'P&L before costs, in the session''s base currency.';
COMMENT ON COLUMN reporting.weekly_pnl.costs IS 'Commission and margin interest, in the session''s base currency.';
COMMENT ON COLUMN reporting.weekly_pnl.net_pnl IS 'gross_pnl - costs, in the session''s base currency.';

CREATE VIEW reporting.monthly_pnl AS
SELECT date_trunc('month', m.period_start, 'UTC') AS time, m.session_id, s.mode, s.strategy_name, s.symbol,
       sum(m.total_trades)::integer AS total_trades, sum(m.winning_trades)::integer AS winning_trades,
       sum(m.losing_trades)::integer AS losing_trades,
       sum(m.winning_trades)::numeric / sum(m.total_trades) AS win_rate,
       sum(m.gross_profit - m.gross_loss) AS gross_pnl, sum(m.commission + m.margin_interest_cost) AS costs,
       sum(m.net_pnl) AS net_pnl
  FROM performance_metrics AS m
  JOIN trading_sessions AS s ON s.id = m.session_id AND NOT s.is_verification
 WHERE m.period = 'DAILY'
 GROUP BY date_trunc('month', m.period_start, 'UTC'), m.session_id, s.mode, s.strategy_name, s.symbol;
COMMENT ON VIEW reporting.monthly_pnl IS 'The P&L of every session by month (UTC).';
COMMENT ON COLUMN reporting.monthly_pnl.time IS
'First moment of the month, in UTC; trades count in the month of their exit.';
COMMENT ON COLUMN reporting.monthly_pnl.session_id IS 'Session.';
COMMENT ON COLUMN reporting.monthly_pnl.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.monthly_pnl.strategy_name IS 'Strategy of the session.';
COMMENT ON COLUMN reporting.monthly_pnl.symbol IS 'Instrument of the session.';
COMMENT ON COLUMN reporting.monthly_pnl.total_trades IS 'Number of trades, those with pnl = 0 included.';
COMMENT ON COLUMN reporting.monthly_pnl.winning_trades IS 'Number of trades with pnl > 0.';
COMMENT ON COLUMN reporting.monthly_pnl.losing_trades IS 'Number of trades with pnl < 0.';
COMMENT ON COLUMN reporting.monthly_pnl.win_rate IS 'winning_trades / total_trades, as a fraction.';
COMMENT ON COLUMN reporting.monthly_pnl.gross_pnl IS 'P&L before costs, in the session''s base currency.';
COMMENT ON COLUMN reporting.monthly_pnl.costs IS 'Commission and margin interest, in the session''s base currency.';
COMMENT ON COLUMN reporting.monthly_pnl.net_pnl IS 'gross_pnl - costs, in the session''s base currency.';

CREATE VIEW reporting.pnl_by_strategy AS
SELECT p.last_exit_time AS time, s.id AS session_id, s.mode, p.label AS strategy_name, p.total_trades, p.winning_trades,
       p.losing_trades, p.win_rate, p.gross_pnl, p.costs, p.net_pnl
  FROM trading_sessions AS s
 CROSS JOIN LATERAL pnl_by('strategy_name', s.id, NULL, NULL, NULL, NULL, NULL) AS p
 WHERE NOT s.is_verification;
COMMENT ON VIEW reporting.pnl_by_strategy IS 'The P&L of every session by strategy.';
COMMENT ON COLUMN reporting.pnl_by_strategy.time IS 'When the newest of the trades was closed.';
COMMENT ON COLUMN reporting.pnl_by_strategy.session_id IS 'Session.';
COMMENT ON COLUMN reporting.pnl_by_strategy.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.pnl_by_strategy.strategy_name IS 'Strategy that traded.';
COMMENT ON COLUMN reporting.pnl_by_strategy.total_trades IS 'Number of trades, those with pnl = 0 included.';
COMMENT ON COLUMN reporting.pnl_by_strategy.winning_trades IS 'Number of trades with pnl > 0.';
COMMENT ON COLUMN reporting.pnl_by_strategy.losing_trades IS 'Number of trades with pnl < 0.';
COMMENT ON COLUMN reporting.pnl_by_strategy.win_rate IS 'winning_trades / total_trades, as a fraction.';
COMMENT ON COLUMN reporting.pnl_by_strategy.gross_pnl IS 'P&L before costs, in the session''s base currency.';
COMMENT ON COLUMN reporting.pnl_by_strategy.costs IS 'Commission and margin interest, in the session''s base currency.';
COMMENT ON COLUMN reporting.pnl_by_strategy.net_pnl IS 'gross_pnl - costs, in the session''s base currency.';

CREATE VIEW reporting.pnl_by_symbol AS
SELECT p.last_exit_time AS time, s.id AS session_id, s.mode, p.label AS symbol, p.total_trades, p.winning_trades,
       p.losing_trades, p.win_rate, p.gross_pnl, p.costs, p.net_pnl
  FROM trading_sessions AS s
 CROSS JOIN LATERAL pnl_by('symbol', s.id, NULL, NULL, NULL, NULL, NULL) AS p
 WHERE NOT s.is_verification;
COMMENT ON VIEW reporting.pnl_by_symbol IS 'The P&L of every session by symbol.';
COMMENT ON COLUMN reporting.pnl_by_symbol.time IS 'When the newest of the trades was closed.';
COMMENT ON COLUMN reporting.pnl_by_symbol.session_id IS 'Session.';
COMMENT ON COLUMN reporting.pnl_by_symbol.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.pnl_by_symbol.symbol IS 'Instrument.';
COMMENT ON COLUMN reporting.pnl_by_symbol.total_trades IS 'Number of trades, those with pnl = 0 included.';
COMMENT ON COLUMN reporting.pnl_by_symbol.winning_trades IS 'Number of trades with pnl > 0.';
COMMENT ON COLUMN reporting.pnl_by_symbol.losing_trades IS 'Number of trades with pnl < 0.';
COMMENT ON COLUMN reporting.pnl_by_symbol.win_rate IS 'winning_trades / total_trades, as a fraction.';
COMMENT ON COLUMN reporting.pnl_by_symbol.gross_pnl IS 'P&L before costs, in the session''s base currency.';
COMMENT ON COLUMN reporting.pnl_by_symbol.costs IS 'Commission and margin interest, in the session''s base currency.';
COMMENT ON COLUMN reporting.pnl_by_symbol.net_pnl IS 'gross_pnl - costs, in the session''s base currency.';

CREATE VIEW reporting.pnl_by_exit_reason AS
SELECT p.last_exit_time AS time, s.id AS session_id, s.mode, p.label AS exit_reason, p.total_trades, p.winning_trades,
       p.losing_trades, p.win_rate, p.gross_pnl, p.costs, p.net_pnl
  FROM trading_sessions AS s
 CROSS JOIN LATERAL pnl_by('exit_reason', s.id, NULL, NULL, NULL, NULL, NULL) AS p
 WHERE NOT s.is_verification;
COMMENT ON VIEW reporting.pnl_by_exit_reason IS 'The P&L of every session by exit reason.';
COMMENT ON COLUMN reporting.pnl_by_exit_reason.time IS 'When the newest of the trades was closed.';
COMMENT ON COLUMN reporting.pnl_by_exit_reason.session_id IS 'Session.';
COMMENT ON COLUMN reporting.pnl_by_exit_reason.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.pnl_by_exit_reason.exit_reason IS 'Why the trades were closed.';
COMMENT ON COLUMN reporting.pnl_by_exit_reason.total_trades IS 'Number of trades, those with pnl = 0 included.';
COMMENT ON COLUMN reporting.pnl_by_exit_reason.winning_trades IS 'Number of trades with pnl > 0.';
COMMENT ON COLUMN reporting.pnl_by_exit_reason.losing_trades IS 'Number of trades with pnl < 0.';
COMMENT ON COLUMN reporting.pnl_by_exit_reason.win_rate IS 'winning_trades / total_trades, as a fraction.';
COMMENT ON COLUMN reporting.pnl_by_exit_reason.gross_pnl IS 'P&L before costs, in the session''s base currency.';
COMMENT ON COLUMN reporting.pnl_by_exit_reason.costs IS
'Commission and margin interest, in the session''s base currency.';
COMMENT ON COLUMN reporting.pnl_by_exit_reason.net_pnl IS 'gross_pnl - costs, in the session''s base currency.';

-- The schema reporting: the ledger, risk, the portfolio, optimisation and control.

CREATE VIEW reporting.balance_history AS
SELECT b.last_updated AS time, b.session_id, s.mode, b.entry_number, b.entry_type, b.previous_balance, b.delta,
       b.total_balance, b.reserved_balance, b.available_balance, b.base_currency, b.update_reason, b.updated_by
  FROM account_balances AS b
  JOIN trading_sessions AS s ON s.id = b.session_id AND NOT s.is_verification;
COMMENT ON VIEW reporting.balance_history IS 'The ledger: every change of every session''s balance.';
COMMENT ON COLUMN reporting.balance_history.time IS 'When the change happened.';
COMMENT ON COLUMN reporting.balance_history.session_id IS 'Session whose balance changed.';
COMMENT ON COLUMN reporting.balance_history.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.balance_history.entry_number IS 'Position in the session''s ledger, from 1 without gaps.';
COMMENT ON COLUMN reporting.balance_history.entry_type IS 'What moved the balance.';
COMMENT ON COLUMN reporting.balance_history.previous_balance IS
'Balance before, in base_currency; 0 for the first entry.';
COMMENT ON COLUMN reporting.balance_history.delta IS 'Change of the balance, in base_currency.';
COMMENT ON COLUMN reporting.balance_history.total_balance IS 'Balance after, in base_currency.';
COMMENT ON COLUMN reporting.balance_history.reserved_balance IS
'Part of total_balance that orders hold, in base_currency.';
COMMENT ON COLUMN reporting.balance_history.available_balance IS 'total_balance - reserved_balance, in base_currency.';
COMMENT ON COLUMN reporting.balance_history.base_currency IS 'Currency of the amounts: the session''s.';
COMMENT ON COLUMN reporting.balance_history.update_reason IS 'Why the balance changed.';
COMMENT ON COLUMN reporting.balance_history.updated_by IS 'Who changed it: the engine, an account sync, a person.';

CREATE VIEW reporting.risk_factor AS
SELECT a.timestamp AS time, s.id AS session_id, s.mode, a.adjustment_factor, a.trigger_reason, a.adjustment_type,
       a.parameter_name, a.original_value, a.adjusted_value
  FROM trading_sessions AS s
 CROSS JOIN LATERAL (
           SELECT r.timestamp, r.adjustment_factor, r.trigger_reason, r.adjustment_type, r.parameter_name,
                  r.original_value, r.adjusted_value
             FROM risk_adjustments AS r
            WHERE r.session_id = s.id
            ORDER BY r.timestamp DESC, r.id DESC
            LIMIT 1
       ) AS a
 WHERE NOT s.is_verification;
COMMENT ON VIEW reporting.risk_factor IS
'The risk factor of every session now: its newest adjustment and the reason for it.';
COMMENT ON COLUMN reporting.risk_factor.time IS 'When it was changed.';
COMMENT ON COLUMN reporting.risk_factor.session_id IS 'Session whose risk was changed.';
COMMENT ON COLUMN reporting.risk_factor.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.risk_factor.adjustment_factor IS
'What the parameter was multiplied by: 1 = unchanged, below 1 = less risk.';
COMMENT ON COLUMN reporting.risk_factor.trigger_reason IS 'Why it was changed.';
COMMENT ON COLUMN reporting.risk_factor.adjustment_type IS
'Kind of the change, such as drawdown, performance or volatility.';
COMMENT ON COLUMN reporting.risk_factor.parameter_name IS 'Parameter that was changed, such as position_size.';
COMMENT ON COLUMN reporting.risk_factor.original_value IS 'Its value before, in the parameter''s own unit.';
COMMENT ON COLUMN reporting.risk_factor.adjusted_value IS 'Its value after, in the parameter''s own unit.';

CREATE VIEW reporting.dynamic_performance AS
SELECT d.timestamp AS time, d.session_id, s.mode, d.rolling_win_rate, d.rolling_sharpe_ratio, d.current_drawdown,
       d.volatility_30d, d.consecutive_losses, d.consecutive_wins, d.risk_adjustment_factor, d.profit_factor,
       d.expectancy, d.avg_trade_duration_hours
  FROM dynamic_performance_metrics AS d
  JOIN trading_sessions AS s ON s.id = d.session_id AND NOT s.is_verification;
COMMENT ON VIEW reporting.dynamic_performance IS 'How the engine judged its recent performance, over time.';
COMMENT ON COLUMN reporting.dynamic_performance.time IS 'When it was judged.';
COMMENT ON COLUMN reporting.dynamic_performance.session_id IS 'Session that was judged.';
COMMENT ON COLUMN reporting.dynamic_performance.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.dynamic_performance.rolling_win_rate IS
'Wins / trades in the rolling window, as a fraction; NULL without trades.';
COMMENT ON COLUMN reporting.dynamic_performance.rolling_sharpe_ratio IS
'Sharpe ratio over the rolling window, dimensionless; NULL with too few returns.';
COMMENT ON COLUMN reporting.dynamic_performance.current_drawdown IS
'(Running peak - equity) / running peak at that time, as a fraction; above 1 only with leverage.';
COMMENT ON COLUMN reporting.dynamic_performance.volatility_30d IS 'Volatility of the last 30 days, as a fraction.';
COMMENT ON COLUMN reporting.dynamic_performance.consecutive_losses IS 'Losses in a row up to that time.';
COMMENT ON COLUMN reporting.dynamic_performance.consecutive_wins IS 'Wins in a row up to that time.';
COMMENT ON COLUMN reporting.dynamic_performance.risk_adjustment_factor IS
'What risk parameters were to be multiplied by: 1 = unchanged, below 1 = less risk.';
COMMENT ON COLUMN reporting.dynamic_performance.profit_factor IS
'Sum of wins / sum of losses in the rolling window; NULL without losses.';
COMMENT ON COLUMN reporting.dynamic_performance.expectancy IS
'Mean pnl of a trade in the rolling window, in the session''s base currency.';
COMMENT ON COLUMN reporting.dynamic_performance.avg_trade_duration_hours IS
'Mean time from entry to exit in the rolling window, in hours.';

CREATE VIEW reporting.correlation_matrix AS
SELECT c.last_updated AS time, c.window_days, c.first_symbol, c.second_symbol, c.symbol_pair, c.correlation_value,
       c.p_value, c.sample_size
  FROM correlation_matrix AS c;
COMMENT ON VIEW reporting.correlation_matrix IS 'The newest correlation of every two symbols'' returns.';
COMMENT ON COLUMN reporting.correlation_matrix.time IS 'When it was computed.';
COMMENT ON COLUMN reporting.correlation_matrix.window_days IS 'Length of the window that was looked at, in days.';
COMMENT ON COLUMN reporting.correlation_matrix.first_symbol IS 'Symbol of the pair that sorts first by its bytes.';
COMMENT ON COLUMN reporting.correlation_matrix.second_symbol IS 'The other symbol.';
COMMENT ON COLUMN reporting.correlation_matrix.symbol_pair IS 'Both, such as BTCUSDT-ETHUSDT.';
COMMENT ON COLUMN reporting.correlation_matrix.correlation_value IS 'Coefficient of correlation, from -1 to 1.';
COMMENT ON COLUMN reporting.correlation_matrix.p_value IS 'Probability of so much correlation by chance, from 0 to 1.';
COMMENT ON COLUMN reporting.correlation_matrix.sample_size IS 'Number of returns that were compared.';

CREATE VIEW reporting.exposures AS
SELECT e.last_updated AS time, e.mode, e.correlation_group, e.total_exposure, e.position_count, e.symbols
  FROM portfolio_exposures AS e;
COMMENT ON VIEW reporting.exposures IS 'How much is at stake in each group of correlated symbols.';
COMMENT ON COLUMN reporting.exposures.time IS 'When it was computed.';
COMMENT ON COLUMN reporting.exposures.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.exposures.correlation_group IS 'Name of the group.';
COMMENT ON COLUMN reporting.exposures.total_exposure IS
'Sum of the positions'' sizes, as a fraction of the balance; above 1 only with leverage.';
COMMENT ON COLUMN reporting.exposures.position_count IS 'Number of positions.';
COMMENT ON COLUMN reporting.exposures.symbols IS 'Symbols in the group, a JSON array.';

CREATE VIEW reporting.optimization_cycles AS
SELECT c.timestamp AS time, c.session_id, c.id AS cycle_id, c.strategy_name, c.symbol, c.timeframe, c.decision,
       c.baseline_metrics, c.candidate_params, c.candidate_metrics, c.validator_report
  FROM optimization_cycles AS c
  LEFT JOIN trading_sessions AS s ON s.id = c.session_id
 WHERE s.is_verification IS NOT TRUE;
COMMENT ON VIEW reporting.optimization_cycles IS 'Every run of the optimiser.';
COMMENT ON COLUMN reporting.optimization_cycles.time IS 'When the cycle ended.';
COMMENT ON COLUMN reporting.optimization_cycles.session_id IS 'Session in which it ran; NULL outside of any.';
COMMENT ON COLUMN reporting.optimization_cycles.cycle_id IS 'Identifier.';
COMMENT ON COLUMN reporting.optimization_cycles.strategy_name IS 'Strategy that was optimised.';
COMMENT ON COLUMN reporting.optimization_cycles.symbol IS 'Instrument.';
COMMENT ON COLUMN reporting.optimization_cycles.timeframe IS 'Length of one candle, such as 1h.';
COMMENT ON COLUMN reporting.optimization_cycles.decision IS 'What was decided, such as apply, reject or rollback.';
COMMENT ON COLUMN reporting.optimization_cycles.baseline_metrics IS 'Figures of the present parameters.';
COMMENT ON COLUMN reporting.optimization_cycles.candidate_params IS
'Proposed parameters; NULL when there was no proposal.';
COMMENT ON COLUMN reporting.optimization_cycles.candidate_metrics IS 'Figures of the proposed parameters.';
COMMENT ON COLUMN reporting.optimization_cycles.validator_report IS 'What the validator found.';

CREATE VIEW reporting.kill_switches AS
SELECT f.updated_at AS time, f.name, f.active, f.reason, f.source
  FROM system_control_flags AS f;
COMMENT ON VIEW reporting.kill_switches IS 'The control flags: which were ever set or cleared, and how they stand.';
COMMENT ON COLUMN reporting.kill_switches.time IS 'When it was last set or cleared.';
COMMENT ON COLUMN reporting.kill_switches.name IS 'Name of the flag.';
COMMENT ON COLUMN reporting.kill_switches.active IS 'Whether it restricts the bot now.';
COMMENT ON COLUMN reporting.kill_switches.reason IS 'Why it was last set or cleared.';
COMMENT ON COLUMN reporting.kill_switches.source IS 'Who or what last set or cleared it.';
