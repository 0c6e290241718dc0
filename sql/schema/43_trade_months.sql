-- What the trades of each month add up to, put together from those of its days, so that years are read by their months,
-- the newest one up to its newest day; and the reads that use months, days and the trades of neither.

CREATE TABLE trade_months (
    session_id bigint NOT NULL,
    month timestamptz NOT NULL,
    next_month timestamptz NOT NULL,
    trades integer NOT NULL,
    wins integer NOT NULL DEFAULT 0,
    losses integer NOT NULL DEFAULT 0,
    profit numeric NOT NULL DEFAULT 0,
    loss numeric NOT NULL DEFAULT 0,
    commission numeric NOT NULL DEFAULT 0,
    margin_interest_cost numeric NOT NULL DEFAULT 0,
    funding numeric NOT NULL DEFAULT 0,
    net_pnl numeric NOT NULL DEFAULT 0,
    best_pnl numeric NOT NULL DEFAULT 0,
    worst_pnl numeric NOT NULL DEFAULT 0,
    held interval NOT NULL DEFAULT '0',
    wins_held interval,
    losses_held interval,
    first_outcome integer NOT NULL DEFAULT 0,
    first_run integer NOT NULL DEFAULT 0,
    last_outcome integer NOT NULL DEFAULT 0,
    last_run integer NOT NULL DEFAULT 0,
    win_streak integer NOT NULL DEFAULT 0,
    loss_streak integer NOT NULL DEFAULT 0,
    best_day timestamptz,
    best_day_net_pnl numeric NOT NULL DEFAULT 0,
    worst_day timestamptz,
    worst_day_net_pnl numeric NOT NULL DEFAULT 0,
    CONSTRAINT trade_months_pkey PRIMARY KEY (session_id, month),
    CONSTRAINT trade_months_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id)
);

CREATE TABLE trade_month_parts (
    session_id bigint NOT NULL,
    kept_by text NOT NULL,
    month timestamptz NOT NULL,
    strategy_name text NOT NULL,
    symbol text NOT NULL,
    exit_reason text NOT NULL,
    trades integer NOT NULL,
    wins integer NOT NULL,
    losses integer NOT NULL,
    gross_pnl numeric NOT NULL,
    costs numeric NOT NULL,
    net_pnl numeric NOT NULL,
    last_exit_time timestamptz NOT NULL,
    CONSTRAINT trade_month_parts_pkey PRIMARY KEY (session_id, kept_by, month, strategy_name, symbol, exit_reason),
    CONSTRAINT trade_month_parts_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id),
    CONSTRAINT trade_month_parts_kept_by CHECK (
        kept_by IN ('strategy_name', 'symbol', 'exit_reason', 'all of them')
    )
);

COMMENT ON TABLE trade_months IS
'The trades of each month (UTC), of the newest only up to some day, put together from the rows of trade_days. All rows '
'count as long as there are no other trades than theirs and those of performance_metrics outside of them; else days '
'are read.';
COMMENT ON COLUMN trade_months.session_id IS 'Session that traded.';
COMMENT ON COLUMN trade_months.month IS 'First moment of the month; trades count in the month of their exit.';
COMMENT ON COLUMN trade_months.next_month IS
'First moment after the month, or of the day up to which the newest month is added up.';
COMMENT ON COLUMN trade_months.trades IS 'Number of trades; 0 = changed since they were added up.';
COMMENT ON COLUMN trade_months.wins IS 'Number of trades with pnl > 0.';
COMMENT ON COLUMN trade_months.losses IS 'Number of trades with pnl < 0.';
COMMENT ON COLUMN trade_months.profit IS 'Sum of the positive pnl, in the session''s base currency.';
COMMENT ON COLUMN trade_months.loss IS 'Sum of the negative pnl without its sign, in the session''s base currency.';
COMMENT ON COLUMN trade_months.commission IS 'Sum of commission, in the session''s base currency.';
COMMENT ON COLUMN trade_months.margin_interest_cost IS 'Sum of margin_interest_cost, in the session''s base currency.';
COMMENT ON COLUMN trade_months.funding IS 'Sum of funding, in the session''s base currency: positive when received.';
COMMENT ON COLUMN trade_months.net_pnl IS 'Sum of net P&L, in the session''s base currency.';
COMMENT ON COLUMN trade_months.best_pnl IS 'Largest pnl of one trade, in the session''s base currency.';
COMMENT ON COLUMN trade_months.worst_pnl IS 'Smallest pnl of one trade, in the session''s base currency.';
COMMENT ON COLUMN trade_months.held IS 'Sum of the times from entry to exit.';
COMMENT ON COLUMN trade_months.wins_held IS 'The same of the winning trades; NULL without one.';
COMMENT ON COLUMN trade_months.losses_held IS 'The same of the losing trades; NULL without one.';
COMMENT ON COLUMN trade_months.first_outcome IS 'Sign of the pnl of the first trade.';
COMMENT ON COLUMN trade_months.first_run IS 'How many trades from the first on have that sign.';
COMMENT ON COLUMN trade_months.last_outcome IS 'Sign of the pnl of the last trade.';
COMMENT ON COLUMN trade_months.last_run IS 'How many trades up to the last have that sign.';
COMMENT ON COLUMN trade_months.win_streak IS 'Longest run of winning trades inside the month.';
COMMENT ON COLUMN trade_months.loss_streak IS 'Longest run of losing trades inside the month.';
COMMENT ON COLUMN trade_months.best_day IS
'UTC day with the largest net P&L, the first of them; NULL where trades is 0.';
COMMENT ON COLUMN trade_months.best_day_net_pnl IS 'Its net P&L, in the session''s base currency.';
COMMENT ON COLUMN trade_months.worst_day IS
'UTC day with the smallest net P&L, the first of them; NULL where trades is 0.';
COMMENT ON COLUMN trade_months.worst_day_net_pnl IS 'Its net P&L, in the session''s base currency.';

COMMENT ON TABLE trade_month_parts IS
'The trades of the months of trade_months, added up by strategy, by symbol, by exit reason, and by all of them; a row '
'counts where its month does.';
COMMENT ON COLUMN trade_month_parts.session_id IS 'Session that traded.';
COMMENT ON COLUMN trade_month_parts.kept_by IS
'What the trades are divided by: strategy_name, symbol, exit_reason or all of them; the others are empty.';
COMMENT ON COLUMN trade_month_parts.month IS 'First moment of the month; trades count in the month of their exit.';
COMMENT ON COLUMN trade_month_parts.strategy_name IS 'Strategy that traded.';
COMMENT ON COLUMN trade_month_parts.symbol IS 'Instrument.';
COMMENT ON COLUMN trade_month_parts.exit_reason IS 'Why the trades were closed.';
COMMENT ON COLUMN trade_month_parts.trades IS 'Number of trades.';
COMMENT ON COLUMN trade_month_parts.wins IS 'Number of trades with pnl > 0.';
COMMENT ON COLUMN trade_month_parts.losses IS 'Number of trades with pnl < 0.';
COMMENT ON COLUMN trade_month_parts.gross_pnl IS 'Sum of pnl, in the session''s base currency.';
COMMENT ON COLUMN trade_month_parts.costs IS 'Sum of commission and margin interest, in the session''s base currency.';
COMMENT ON COLUMN trade_month_parts.net_pnl IS 'Sum of net P&L, in the session''s base currency.';
COMMENT ON COLUMN trade_month_parts.last_exit_time IS 'When the last of the trades was closed.';

CREATE FUNCTION next_month(month timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
    SELECT (month AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC'
$$;
COMMENT ON FUNCTION next_month IS 'First moment after a month that begins at a moment, in UTC.';

CREATE FUNCTION month_spans(session bigint, months timestamptz[], ends timestamptz[])
RETURNS TABLE (month timestamptz, until timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT m.month,
           coalesce(
               ends[m.place::integer],
               (
                   SELECT k.next_month
                     FROM trade_months AS k
                    WHERE k.session_id = session AND k.month = m.month AND k.trades > 0
               ),
               next_month(m.month)
           )
      FROM unnest(months) WITH ORDINALITY AS m (month, place)
$$;
COMMENT ON FUNCTION month_spans IS
'Months of a session with the moment up to which they are added up: that of ends, else that of their rows in '
'trade_months, else their own end.';

CREATE FUNCTION measured_trade_months(
    session bigint, months timestamptz[], ends timestamptz[] DEFAULT NULL
) RETURNS SETOF trade_months
LANGUAGE sql STABLE AS $$
    WITH days AS MATERIALIZED (
        SELECT m.month, m.until, d.*
          FROM month_spans(session, months, ends) AS m
         CROSS JOIN LATERAL (
                   SELECT t.day, t.trades, t.wins, t.losses, t.profit, t.loss, t.commission, t.margin_interest_cost,
                          t.funding, t.net_pnl, t.best_pnl, t.worst_pnl, t.held, t.wins_held, t.losses_held,
                          t.first_outcome, t.first_run, t.last_outcome, t.last_run, t.win_streak, t.loss_streak
                     FROM trade_days AS t
                    WHERE t.session_id = session
                      AND t.day >= m.month
                      AND t.day < m.until
                      AND t.trades > 0
                   OFFSET 0
               ) AS d
    ), outermost AS (
        -- The runs at both ends of each day, where one may go on from the day before; a day may be a single run.
        SELECT d.month, d.day, r.place, r.outcome, r.trades,
               r.place = 2 OR lag(r.outcome) OVER in_order IS DISTINCT FROM r.outcome AS begins
          FROM days AS d
         CROSS JOIN LATERAL (
                   VALUES (1, d.first_outcome, d.first_run), (2, d.last_outcome, d.last_run)
               ) AS r (place, outcome, trades)
         WHERE r.place = 1 OR d.first_run < d.trades
        WINDOW in_order AS (PARTITION BY d.month ORDER BY d.day, r.place)
    ), numbered AS (
        SELECT o.month, o.outcome, o.trades,
               count(*) FILTER (WHERE o.begins) OVER (
                   PARTITION BY o.month ORDER BY o.day, o.place ROWS UNBOUNDED PRECEDING
               ) AS run
          FROM outermost AS o
    ), runs AS (
        SELECT n.month, n.run, n.outcome, sum(n.trades)::integer AS trades,
               n.run = max(n.run) OVER (PARTITION BY n.month) AS is_last
          FROM numbered AS n
         GROUP BY n.month, n.run, n.outcome
    ), streaks AS (
        SELECT r.month, max(r.outcome) FILTER (WHERE r.run = 1) AS first_outcome,
               max(r.trades) FILTER (WHERE r.run = 1) AS first_run,
               max(r.outcome) FILTER (WHERE r.is_last) AS last_outcome,
               max(r.trades) FILTER (WHERE r.is_last) AS last_run, max(r.trades) FILTER (WHERE r.outcome = 1) AS wins,
               max(r.trades) FILTER (WHERE r.outcome = -1) AS losses
          FROM runs AS r
         GROUP BY r.month
    ), sums AS (
        SELECT d.month, d.until, sum(d.trades)::integer AS trades, sum(d.wins)::integer AS wins,
               sum(d.losses)::integer AS losses, sum(d.profit) AS profit, sum(d.loss) AS loss,
               sum(d.commission) AS commission, sum(d.margin_interest_cost) AS margin_interest_cost,
               sum(d.funding) AS funding, sum(d.net_pnl) AS net_pnl, max(d.best_pnl) AS best_pnl,
               min(d.worst_pnl) AS worst_pnl, sum(d.held) AS held, sum(d.wins_held) AS wins_held,
               sum(d.losses_held) AS losses_held, max(d.win_streak) AS win_streak, max(d.loss_streak) AS loss_streak,
               (array_agg(d.day ORDER BY d.net_pnl DESC, d.day))[1] AS best_day, max(d.net_pnl) AS best_day_net_pnl,
               (array_agg(d.day ORDER BY d.net_pnl, d.day))[1] AS worst_day, min(d.net_pnl) AS worst_day_net_pnl
          FROM days AS d
         GROUP BY d.month, d.until
    )
    SELECT session, s.month, s.until, s.trades, s.wins, s.losses, s.profit, s.loss, s.commission,
           s.margin_interest_cost, s.funding, s.net_pnl, s.best_pnl, s.worst_pnl, s.held, s.wins_held, s.losses_held,
           r.first_outcome, r.first_run, r.last_outcome, r.last_run, greatest(s.win_streak, r.wins),
           greatest(s.loss_streak, r.losses), s.best_day, s.best_day_net_pnl, s.worst_day, s.worst_day_net_pnl
      FROM sums AS s
      JOIN streaks AS r ON r.month = s.month
$$;
COMMENT ON FUNCTION measured_trade_months IS
'What trade_months must say of the given months of a session, put together from trade_days; months without trades have '
'no row.';

CREATE FUNCTION measured_trade_month_parts(
    session bigint, months timestamptz[], ends timestamptz[] DEFAULT NULL
) RETURNS SETOF trade_month_parts
LANGUAGE sql STABLE AS $$
    SELECT session, p.kept_by, m.month, p.strategy_name, p.symbol, p.exit_reason, sum(p.trades)::integer,
           sum(p.wins)::integer, sum(p.losses)::integer, sum(p.gross_pnl), sum(p.costs), sum(p.net_pnl),
           max(p.last_exit_time)
      FROM unnest(ARRAY['strategy_name', 'symbol', 'exit_reason', 'all of them']) AS b (kept_by)
     CROSS JOIN month_spans(session, months, ends) AS m
     CROSS JOIN LATERAL (
               SELECT d.kept_by, d.strategy_name, d.symbol, d.exit_reason, d.trades, d.wins, d.losses, d.gross_pnl,
                      d.costs, d.net_pnl, d.last_exit_time
                 FROM trade_day_parts AS d
                WHERE d.session_id = session
                  AND d.kept_by = b.kept_by
                  AND d.day >= m.month
                  AND d.day < m.until
                  -- A day that has lost all its trades still has its parts.
                  AND d.day IN (SELECT t.day FROM trade_days AS t WHERE t.session_id = session AND t.trades > 0)
               OFFSET 0
           ) AS p
     GROUP BY p.kept_by, m.month, p.strategy_name, p.symbol, p.exit_reason
$$;
COMMENT ON FUNCTION measured_trade_month_parts IS
'What trade_month_parts must say of the given months of a session, put together from trade_day_parts.';

CREATE FUNCTION pending_trade_months(session bigint, with_newest boolean, most integer)
RETURNS TABLE (month timestamptz, until timestamptz)
LANGUAGE sql STABLE AS $$
    WITH newest AS MATERIALIZED (
        SELECT max(n.period_start)::timestamptz AS day
          FROM performance_metrics AS n
         WHERE n.session_id = session AND n.period = 'DAILY'
    ), days AS MATERIALIZED (
        SELECT date_trunc('month', m.period_start, 'UTC') AS month, m.period_start::timestamptz AS day, m.total_trades,
               m.total_trades IS NOT DISTINCT FROM d.trades AS is_kept,
               -- To the newest day trades are still added.
               NOT with_newest AND m.period_start = (SELECT n.day FROM newest AS n) AS is_growing
          FROM performance_metrics AS m
          LEFT JOIN trade_days AS d ON d.session_id = session AND d.day = m.period_start
         WHERE m.session_id = session
           AND m.period = 'DAILY'
    ), months AS (
        SELECT d.month, sum(d.total_trades) AS trades, bool_and(d.is_kept) AS is_kept,
               d.month = date_trunc('month', n.day, 'UTC') AS is_newest,
               min(d.day) FILTER (WHERE NOT d.is_kept OR d.is_growing) AS loose_from,
               max(d.day) + interval '24 hours' AS next_day
          FROM days AS d
         CROSS JOIN newest AS n
         GROUP BY d.month, n.day
    ), spans AS (
        SELECT m.month, m.trades,
               CASE
                   WHEN m.is_newest AND (m.loose_from IS NOT NULL OR next_month(m.month) > clock_timestamp())
                       THEN coalesce(m.loose_from, m.next_day)
               END AS loose_from
          FROM months AS m
         WHERE m.is_kept OR m.is_newest
    ), wanted AS (
        SELECT s.month, coalesce(s.loose_from, next_month(s.month)) AS until,
               CASE
                   WHEN s.loose_from IS NULL THEN s.trades
                   ELSE (SELECT sum(d.total_trades) FROM days AS d WHERE d.day >= s.month AND d.day < s.loose_from)
               END AS trades
          FROM spans AS s
    )
    SELECT w.month, w.until
      FROM wanted AS w
      LEFT JOIN trade_months AS t ON t.session_id = session AND t.month = w.month
     WHERE w.trades > 0
       AND w.trades IS DISTINCT FROM t.trades
     ORDER BY w.month
     LIMIT most
$$;
COMMENT ON FUNCTION pending_trade_months IS
'The months of a session that are not, or no longer, in trade_months, oldest first and not more than so many: those '
'whose days are all kept, and the newest up to its first day that is not or, without with_newest, its newest.';

CREATE FUNCTION kept_trade_months(session bigint, since timestamptz, until timestamptz) RETURNS SETOF trade_months
LANGUAGE sql STABLE AS $$
    WITH kept AS MATERIALIZED (
        SELECT m.session_id, m.month, m.next_month, m.trades, m.wins, m.losses, m.profit, m.loss, m.commission,
               m.margin_interest_cost, m.funding, m.net_pnl, m.best_pnl, m.worst_pnl, m.held, m.wins_held,
               m.losses_held, m.first_outcome, m.first_run, m.last_outcome, m.last_run, m.win_streak, m.loss_streak,
               m.best_day, m.best_day_net_pnl, m.worst_day, m.worst_day_net_pnl
          FROM public.trade_months AS m
         WHERE m.session_id = session AND m.trades > 0
    ), counted AS MATERIALIZED (
        SELECT array_agg(k.month ORDER BY k.month) AS starts, array_agg(k.next_month ORDER BY k.month) AS ends,
               sum(k.trades) AS trades
          FROM kept AS k
    )
    SELECT k.session_id, k.month, k.next_month, k.trades, k.wins, k.losses, k.profit, k.loss, k.commission,
           k.margin_interest_cost, k.funding, k.net_pnl, k.best_pnl, k.worst_pnl, k.held, k.wins_held, k.losses_held,
           k.first_outcome, k.first_run, k.last_outcome, k.last_run, k.win_streak, k.loss_streak, k.best_day,
           k.best_day_net_pnl, k.worst_day, k.worst_day_net_pnl
      FROM kept AS k
     WHERE k.month >= coalesce(since, '-infinity')
       AND k.next_month <= coalesce(until, 'infinity')
       -- What is corrected or removed takes its month away, so that a month can only have too few trades: where the
       -- numbers add up, each does. Counting takes the days outside of months, not all of them.
       AND (
           SELECT a.total_trades
             FROM public.performance_metrics AS a
            WHERE a.session_id = session AND a.period = 'ALL_TIME' AND a.period_start = 'epoch'::timestamptz
       ) = (
           SELECT c.trades + coalesce(sum(d.total_trades), 0)
             FROM counted AS c
             LEFT JOIN LATERAL public.spaces(NULL, NULL, c.starts, c.ends) AS x ON TRUE
             LEFT JOIN LATERAL (
                      SELECT m.total_trades
                        FROM public.performance_metrics AS m
                       WHERE m.session_id = session
                         AND m.period = 'DAILY'
                         AND m.period_start >= x.first_moment
                         AND m.period_start < x.next_moment
                      OFFSET 0
                  ) AS d ON TRUE
            GROUP BY c.trades
       )
$$;
COMMENT ON FUNCTION kept_trade_months IS
'The rows of trade_months, if they count, of the months that are whole between since and until; NULL does not limit.';

CREATE FUNCTION kept_trade_spans(session bigint, since timestamptz, until timestamptz) RETURNS SETOF trade_months
LANGUAGE sql STABLE AS $$
    WITH months AS MATERIALIZED (
        SELECT m.*
          FROM public.kept_trade_months(session, since, until) AS m
    )
    SELECT m.session_id, m.month, m.next_month, m.trades, m.wins, m.losses, m.profit, m.loss, m.commission,
           m.margin_interest_cost, m.funding, m.net_pnl, m.best_pnl, m.worst_pnl, m.held, m.wins_held, m.losses_held,
           m.first_outcome, m.first_run, m.last_outcome, m.last_run, m.win_streak, m.loss_streak, m.best_day,
           m.best_day_net_pnl, m.worst_day, m.worst_day_net_pnl
      FROM months AS m
     UNION ALL
    SELECT d.session_id, d.day, d.day + interval '24 hours', d.trades, d.wins, d.losses, d.profit, d.loss, d.commission,
           d.margin_interest_cost, d.funding, d.net_pnl, d.best_pnl, d.worst_pnl, d.held, d.wins_held, d.losses_held,
           d.first_outcome, d.first_run, d.last_outcome, d.last_run, d.win_streak, d.loss_streak, d.day, d.net_pnl,
           d.day, d.net_pnl
      FROM (
               SELECT array_agg(m.month ORDER BY m.month) AS starts,
                      array_agg(m.next_month ORDER BY m.month) AS ends
                 FROM months AS m
           ) AS k
     CROSS JOIN LATERAL public.spaces(since, until, k.starts, k.ends) AS x
     CROSS JOIN LATERAL public.kept_trade_days(session, x.first_moment, x.next_moment) AS d
$$;
COMMENT ON FUNCTION kept_trade_spans IS
'The months of kept_trade_months, and the days of kept_trade_days that are in none of them, in the columns of months.';

CREATE FUNCTION loose_trades(
    session bigint, since timestamptz, until timestamptz, starts timestamptz[], ends timestamptz[]
) RETURNS TABLE (
    id bigint, entry_time timestamptz, exit_time timestamptz, pnl numeric, commission numeric,
    margin_interest_cost numeric, funding numeric, net_pnl numeric
)
LANGUAGE sql STABLE AS $$
    SELECT t.id, t.entry_time, t.exit_time, t.pnl, t.commission, t.margin_interest_cost, t.funding, t.net_pnl
      FROM public.spaces(since, until, starts, ends) AS x
     CROSS JOIN LATERAL (
               SELECT r.id, r.entry_time::timestamptz, r.exit_time::timestamptz, r.pnl::numeric, r.commission::numeric,
                      r.margin_interest_cost::numeric, r.funding::numeric, r.net_pnl::numeric
                 FROM public.trades AS r
                WHERE r.session_id = session
                  AND r.exit_time >= x.first_moment
                  AND r.exit_time < x.next_moment
               OFFSET 0
           ) AS t
$$;
COMMENT ON FUNCTION loose_trades IS
'The trades of a session between since and until that are in none of the spans that are kept, which are in order.';

CREATE FUNCTION trade_sums(
    dimension text, session bigint, strategy text, instrument text, since timestamptz, until timestamptz
) RETURNS TABLE (
    label text, period_start timestamptz, trades bigint, wins bigint, losses bigint, gross_pnl numeric, costs numeric,
    net_pnl numeric, last_exit_time timestamptz
)
LANGUAGE sql STABLE AS $$
    WITH months AS MATERIALIZED (
        -- Neither a day nor a week is made of months.
        SELECT m.month, m.next_month
          FROM public.kept_trade_months(session, since, until) AS m
         WHERE dimension NOT IN ('day', 'week')
    ), rest AS MATERIALIZED (
        SELECT x.first_moment, x.next_moment
          FROM (
                   SELECT array_agg(m.month ORDER BY m.month) AS starts,
                          array_agg(m.next_month ORDER BY m.month) AS ends
                     FROM months AS m
               ) AS k
         CROSS JOIN LATERAL public.spaces(since, until, k.starts, k.ends) AS x
    ), days AS MATERIALIZED (
        SELECT d.day
          FROM rest AS x
         CROSS JOIN LATERAL public.kept_trade_days(session, x.first_moment, x.next_moment) AS d
    ), kept_by AS MATERIALIZED (
        SELECT CASE
                   WHEN num_nonnulls(strategy, instrument) > 0 THEN 'all of them'
                   WHEN dimension IN ('symbol', 'exit_reason') THEN dimension
                   ELSE 'strategy_name'
               END AS kind
    ), parts AS (
        SELECT g.label, g.period_start, p.trades, p.wins, p.losses, p.gross_pnl, p.costs, p.net_pnl, p.last_exit_time
          FROM public.trade_month_parts AS p
         CROSS JOIN LATERAL public.trade_group(dimension, p.strategy_name, p.symbol, p.exit_reason, p.month) AS g
         WHERE p.session_id = session
           AND p.kept_by = (SELECT b.kind FROM kept_by AS b)
           AND p.month >= coalesce(since, '-infinity')
           AND p.month < coalesce(until, 'infinity')
           -- One stretch of the index, not a search for every month.
           AND (p.month IN (SELECT m.month FROM months AS m)) IS TRUE
           AND (strategy IS NULL OR p.strategy_name = strategy)
           AND (instrument IS NULL OR p.symbol = instrument)
         UNION ALL
        SELECT g.label, g.period_start, p.trades, p.wins, p.losses, p.gross_pnl, p.costs, p.net_pnl, p.last_exit_time
          FROM rest AS x
         CROSS JOIN LATERAL (
                   SELECT d.day, d.strategy_name, d.symbol, d.exit_reason, d.trades, d.wins, d.losses, d.gross_pnl,
                          d.costs, d.net_pnl, d.last_exit_time
                     FROM public.trade_day_parts AS d
                    WHERE d.session_id = session
                      AND d.kept_by = (SELECT b.kind FROM kept_by AS b)
                      AND d.day >= x.first_moment
                      AND d.day < x.next_moment
                      AND (strategy IS NULL OR d.strategy_name = strategy)
                      AND (instrument IS NULL OR d.symbol = instrument)
                   OFFSET 0
               ) AS p
         CROSS JOIN LATERAL public.trade_group(dimension, p.strategy_name, p.symbol, p.exit_reason, p.day) AS g
         WHERE (p.day IN (SELECT d.day FROM days AS d)) IS TRUE
    )
    SELECT p.label, p.period_start, sum(p.trades), sum(p.wins), sum(p.losses), sum(p.gross_pnl), sum(p.costs),
           sum(p.net_pnl), max(p.last_exit_time)
      FROM parts AS p
     GROUP BY p.label, p.period_start
     UNION ALL
    SELECT g.label, g.period_start, count(*), count(*) FILTER (WHERE t.pnl > 0), count(*) FILTER (WHERE t.pnl < 0),
           sum(t.pnl), sum(t.commission + t.margin_interest_cost), sum(t.net_pnl), max(t.exit_time)
      FROM (
               SELECT array_agg(s.first_moment ORDER BY s.first_moment) AS starts,
                      array_agg(s.next_moment ORDER BY s.first_moment) AS ends
                 FROM (
                          SELECT m.month AS first_moment, m.next_month AS next_moment FROM months AS m
                           UNION ALL
                          SELECT d.day, d.day + interval '24 hours' FROM days AS d
                      ) AS s
           ) AS k
     CROSS JOIN LATERAL public.spaces(since, until, k.starts, k.ends) AS x
     CROSS JOIN LATERAL (
               SELECT r.symbol::text, r.strategy_name::text, r.exit_reason::text, r.exit_time::timestamptz,
                      r.pnl::numeric, r.commission::numeric, r.margin_interest_cost::numeric, r.net_pnl::numeric
                 FROM public.trades AS r
                WHERE r.session_id = session
                  AND r.exit_time >= x.first_moment
                  AND r.exit_time < x.next_moment
                  AND r.strategy_name = coalesce(strategy, r.strategy_name)
                  AND r.symbol = coalesce(instrument, r.symbol)
               OFFSET 0
           ) AS t
     CROSS JOIN LATERAL public.trade_group(dimension, t.strategy_name, t.symbol, t.exit_reason, t.exit_time) AS g
     GROUP BY g.label, g.period_start
$$;
COMMENT ON FUNCTION trade_sums IS
'A session''s trades added up as pnl_by does: once those of the months and days that are kept, once the others.';
