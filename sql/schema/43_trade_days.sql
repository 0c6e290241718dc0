-- What the trades of each UTC day add up to, kept beside them, so that years are read by their days.
-- Nothing is written with a trade: days that are over are added now and then, many at once. A day counts as long as it
-- has as many trades as performance_metrics, where every booking counts; else its trades themselves are read.

CREATE TABLE trade_days (
    session_id bigint NOT NULL,
    day timestamptz NOT NULL,
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
    CONSTRAINT trade_days_pkey PRIMARY KEY (session_id, day),
    CONSTRAINT trade_days_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id)
);

CREATE TABLE trade_day_parts (
    session_id bigint NOT NULL,
    kept_by text NOT NULL,
    day timestamptz NOT NULL,
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
    CONSTRAINT trade_day_parts_pkey PRIMARY KEY (session_id, kept_by, day, strategy_name, symbol, exit_reason),
    CONSTRAINT trade_day_parts_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id),
    CONSTRAINT trade_day_parts_kept_by CHECK (kept_by IN ('strategy_name', 'symbol', 'exit_reason', 'all of them'))
);

COMMENT ON TABLE trade_days IS
'The trades of each UTC day that is over, added up in order of exit. It counts where trades is total_trades in '
'performance_metrics; a day without a row, or whose row does not, is read trade by trade.';
COMMENT ON COLUMN trade_days.session_id IS 'Session that traded.';
COMMENT ON COLUMN trade_days.day IS 'First moment of the day; trades count on the day of their exit.';
COMMENT ON COLUMN trade_days.trades IS 'Number of trades; 0 = changed since they were added up.';
COMMENT ON COLUMN trade_days.wins IS 'Number of trades with pnl > 0.';
COMMENT ON COLUMN trade_days.losses IS 'Number of trades with pnl < 0.';
COMMENT ON COLUMN trade_days.profit IS 'Sum of the positive pnl, in the session''s base currency.';
COMMENT ON COLUMN trade_days.loss IS 'Sum of the negative pnl without its sign, in the session''s base currency.';
COMMENT ON COLUMN trade_days.commission IS 'Sum of commission, in the session''s base currency.';
COMMENT ON COLUMN trade_days.margin_interest_cost IS 'Sum of margin_interest_cost, in the session''s base currency.';
COMMENT ON COLUMN trade_days.funding IS 'Sum of funding, in the session''s base currency: positive when received.';
COMMENT ON COLUMN trade_days.net_pnl IS 'Sum of net P&L, in the session''s base currency.';
COMMENT ON COLUMN trade_days.best_pnl IS 'Largest pnl of one trade, in the session''s base currency.';
COMMENT ON COLUMN trade_days.worst_pnl IS 'Smallest pnl of one trade, in the session''s base currency.';
COMMENT ON COLUMN trade_days.held IS 'Sum of the times from entry to exit.';
COMMENT ON COLUMN trade_days.wins_held IS 'The same of the winning trades; NULL without one.';
COMMENT ON COLUMN trade_days.losses_held IS 'The same of the losing trades; NULL without one.';
COMMENT ON COLUMN trade_days.first_outcome IS 'Sign of the pnl of the first trade.';
COMMENT ON COLUMN trade_days.first_run IS 'How many trades from the first on have that sign.';
COMMENT ON COLUMN trade_days.last_outcome IS 'Sign of the pnl of the last trade.';
COMMENT ON COLUMN trade_days.last_run IS 'How many trades up to the last have that sign.';
COMMENT ON COLUMN trade_days.win_streak IS 'Longest run of winning trades inside the day.';
COMMENT ON COLUMN trade_days.loss_streak IS 'Longest run of losing trades inside the day.';

COMMENT ON TABLE trade_day_parts IS
'The trades of the days of trade_days, added up by strategy, by symbol, by exit reason, and by all of them; a row '
'counts where its day''s row in trade_days does.';
COMMENT ON COLUMN trade_day_parts.session_id IS 'Session that traded.';
COMMENT ON COLUMN trade_day_parts.kept_by IS
'What the trades are divided by: strategy_name, symbol, exit_reason or all of them; the others are empty.';
COMMENT ON COLUMN trade_day_parts.day IS 'First moment of the day; trades count on the day of their exit.';
COMMENT ON COLUMN trade_day_parts.strategy_name IS 'Strategy that traded.';
COMMENT ON COLUMN trade_day_parts.symbol IS 'Instrument.';
COMMENT ON COLUMN trade_day_parts.exit_reason IS 'Why the trades were closed.';
COMMENT ON COLUMN trade_day_parts.trades IS 'Number of trades.';
COMMENT ON COLUMN trade_day_parts.wins IS 'Number of trades with pnl > 0.';
COMMENT ON COLUMN trade_day_parts.losses IS 'Number of trades with pnl < 0.';
COMMENT ON COLUMN trade_day_parts.gross_pnl IS 'Sum of pnl, in the session''s base currency.';
COMMENT ON COLUMN trade_day_parts.costs IS
'Sum of commission and margin interest, in the session''s base currency.';
COMMENT ON COLUMN trade_day_parts.net_pnl IS 'Sum of net P&L, in the session''s base currency.';
COMMENT ON COLUMN trade_day_parts.last_exit_time IS 'When the last of the trades was closed.';

CREATE FUNCTION gaps(since timestamptz, until timestamptz, days timestamptz[])
RETURNS TABLE (first_moment timestamptz, next_moment timestamptz)
LANGUAGE sql IMMUTABLE ROWS 4 AS $$
    SELECT g.first_moment, g.next_moment
      FROM (
               SELECT coalesce(
                          days[d.ordinality::integer - 1] + interval '24 hours', since, '-infinity'
                      ) AS first_moment,
                      d.day AS next_moment
                 FROM unnest(days) WITH ORDINALITY AS d (day, ordinality)
                UNION ALL
               SELECT coalesce(days[cardinality(days)] + interval '24 hours', since, '-infinity'),
                      coalesce(until, 'infinity')
           ) AS g
     WHERE g.first_moment < g.next_moment
$$;
COMMENT ON FUNCTION gaps IS
'What days, which are in order, leave of the time from since to before until; NULL does not limit.';

CREATE FUNCTION spaces(
    since timestamptz, until timestamptz, starts timestamptz[], ends timestamptz[]
) RETURNS TABLE (first_moment timestamptz, next_moment timestamptz)
LANGUAGE sql IMMUTABLE ROWS 4 AS $$
    SELECT g.first_moment, g.next_moment
      FROM (
               SELECT coalesce(ends[s.ordinality::integer - 1], since, '-infinity') AS first_moment,
                      s.moment AS next_moment
                 FROM unnest(starts) WITH ORDINALITY AS s (moment, ordinality)
                UNION ALL
               SELECT coalesce(ends[cardinality(ends)], since, '-infinity'), coalesce(until, 'infinity')
           ) AS g
     WHERE g.first_moment < g.next_moment
$$;
COMMENT ON FUNCTION spaces IS
'What spans, which are in order, leave of the time from since to before until; NULL does not limit.';

CREATE FUNCTION trade_group(
    dimension text, strategy text, instrument text, reason text, moment timestamptz
) RETURNS TABLE (label text, period_start timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT CASE dimension
               WHEN 'exit_reason' THEN reason WHEN 'strategy_name' THEN strategy WHEN 'symbol' THEN instrument
           END,
           CASE
               WHEN dimension IN ('day', 'week', 'month') THEN date_trunc(dimension, moment, 'UTC')
               WHEN dimension = 'all' THEN 'epoch'
           END
$$;
COMMENT ON FUNCTION trade_group IS 'What pnl_by adds a trade to, by a dimension.';

CREATE FUNCTION measured_trade_days(session bigint, days timestamptz[]) RETURNS SETOF trade_days
LANGUAGE sql STABLE AS $$
    WITH ordered AS (
        SELECT d.day, t.id, t.exit_time, t.pnl, t.commission, t.margin_interest_cost, t.funding, t.net_pnl,
               t.exit_time - t.entry_time AS held, row_number() OVER in_order AS place
          FROM unnest(days) AS d (day)
         CROSS JOIN LATERAL (
                   SELECT r.id, r.entry_time::timestamptz, r.exit_time::timestamptz, r.pnl::numeric,
                          r.commission::numeric, r.margin_interest_cost::numeric, r.funding::numeric, r.net_pnl::numeric
                     FROM trades AS r
                    WHERE r.session_id = session
                      AND r.exit_time >= d.day
                      AND r.exit_time < d.day + interval '24 hours'
                   OFFSET 0
               ) AS t
        WINDOW in_order AS (PARTITION BY d.day ORDER BY t.exit_time, t.id)
    ), counted AS (
        SELECT o.*,
               -- Whatever is no win, or no loss, ends the run before it.
               coalesce(max(o.place) FILTER (WHERE o.pnl <= 0) OVER in_order, 0) AS last_not_won,
               coalesce(max(o.place) FILTER (WHERE o.pnl >= 0) OVER in_order, 0) AS last_not_lost
          FROM ordered AS o
        WINDOW in_order AS (PARTITION BY o.day ORDER BY o.exit_time, o.id ROWS UNBOUNDED PRECEDING)
    )
    SELECT session, c.day, count(*)::integer, (count(*) FILTER (WHERE c.pnl > 0))::integer,
           (count(*) FILTER (WHERE c.pnl < 0))::integer,
           coalesce(sum(c.pnl) FILTER (WHERE c.pnl > 0), 0), coalesce(-sum(c.pnl) FILTER (WHERE c.pnl < 0), 0),
           sum(c.commission), sum(c.margin_interest_cost), sum(c.funding), sum(c.net_pnl), max(c.pnl), min(c.pnl),
           sum(c.held), sum(c.held) FILTER (WHERE c.pnl > 0), sum(c.held) FILTER (WHERE c.pnl < 0),
           sign(max(c.pnl) FILTER (WHERE c.place = 1))::integer,
           -- Of the three, only the one of the first outcome is not at once, and below, of the last one not at last.
           greatest(
               coalesce(min(c.place) FILTER (WHERE c.pnl <= 0), count(*) + 1),
               coalesce(min(c.place) FILTER (WHERE c.pnl >= 0), count(*) + 1),
               coalesce(min(c.place) FILTER (WHERE c.pnl <> 0), count(*) + 1)
           )::integer - 1,
           CASE count(*)
               WHEN max(c.place) FILTER (WHERE c.pnl > 0) THEN 1 WHEN max(c.place) FILTER (WHERE c.pnl < 0) THEN -1
               ELSE 0
           END,
           (
               count(*)
               - least(
                   max(c.last_not_won), max(c.last_not_lost), coalesce(max(c.place) FILTER (WHERE c.pnl <> 0), 0)
               )
           )::integer,
           max(c.place - c.last_not_won)::integer, max(c.place - c.last_not_lost)::integer
      FROM counted AS c
     GROUP BY c.day
$$;
COMMENT ON FUNCTION measured_trade_days IS
'What trade_days must say of the given days of a session, computed from its trades; days without trades have no row.';

CREATE FUNCTION measured_trade_parts(session bigint, days timestamptz[]) RETURNS SETOF trade_day_parts
LANGUAGE sql STABLE AS $$
    WITH finest AS (
        -- All of them are counted once; what they are divided by less often is added up from that.
        SELECT d.day, t.strategy_name, t.symbol, t.exit_reason, count(*) AS trades,
               count(*) FILTER (WHERE t.pnl > 0) AS wins, count(*) FILTER (WHERE t.pnl < 0) AS losses,
               sum(t.pnl) AS gross_pnl, sum(t.commission + t.margin_interest_cost) AS costs, sum(t.net_pnl) AS net_pnl,
               max(t.exit_time) AS last_exit_time
          FROM unnest(days) AS d (day)
         CROSS JOIN LATERAL (
                   SELECT r.strategy_name::text, r.symbol::text, r.exit_reason::text, r.exit_time::timestamptz,
                          r.pnl::numeric, r.commission::numeric, r.margin_interest_cost::numeric, r.net_pnl::numeric
                     FROM trades AS r
                    WHERE r.session_id = session
                      AND r.exit_time >= d.day
                      AND r.exit_time < d.day + interval '24 hours'
                   OFFSET 0
               ) AS t
         GROUP BY d.day, t.strategy_name, t.symbol, t.exit_reason
    )
    SELECT session,
           CASE grouping(f.strategy_name, f.symbol, f.exit_reason)
               WHEN 0 THEN 'all of them' WHEN 3 THEN 'strategy_name' WHEN 5 THEN 'symbol' ELSE 'exit_reason'
           END,
           f.day, coalesce(f.strategy_name, ''), coalesce(f.symbol, ''), coalesce(f.exit_reason, ''),
           sum(f.trades)::integer, sum(f.wins)::integer, sum(f.losses)::integer, sum(f.gross_pnl), sum(f.costs),
           sum(f.net_pnl), max(f.last_exit_time)
      FROM finest AS f
     GROUP BY GROUPING SETS (
               (f.day, f.strategy_name, f.symbol, f.exit_reason), (f.day, f.strategy_name), (f.day, f.symbol),
               (f.day, f.exit_reason)
           )
$$;
COMMENT ON FUNCTION measured_trade_parts IS
'What trade_day_parts must say of the given days of a session, computed from its trades.';

CREATE FUNCTION kept_trade_days(session bigint, since timestamptz, until timestamptz) RETURNS SETOF trade_days
LANGUAGE sql STABLE AS $$
    WITH counted AS MATERIALIZED (
        SELECT m.period_start::timestamptz AS day, m.total_trades::integer AS trades
          FROM public.performance_metrics AS m
         WHERE m.session_id = session
           AND m.period = 'DAILY'
           AND m.period_start >= coalesce(since, '-infinity')
           AND m.period_start <= coalesce(until, 'infinity') - interval '24 hours'
    )
    SELECT d.session_id, d.day, d.trades, d.wins, d.losses, d.profit, d.loss, d.commission, d.margin_interest_cost,
           d.funding, d.net_pnl, d.best_pnl, d.worst_pnl, d.held, d.wins_held, d.losses_held, d.first_outcome,
           d.first_run, d.last_outcome, d.last_run, d.win_streak, d.loss_streak
      FROM public.trade_days AS d
     WHERE d.session_id = session
       AND d.day >= coalesce(since, '-infinity')
       AND d.day <= coalesce(until, 'infinity') - interval '24 hours'
       -- With IS TRUE it stays a look into a hash table; as a join, it would be a search in an index for every day.
       AND ((d.day, d.trades) IN (SELECT c.day, c.trades FROM counted AS c)) IS TRUE
$$;
COMMENT ON FUNCTION kept_trade_days IS
'The rows of trade_days that count, of the days that are whole between since and until; NULL does not limit.';

CREATE FUNCTION pending_trade_days(session bigint, most_trades integer, with_newest boolean) RETURNS timestamptz[]
LANGUAGE sql STABLE AS $$
    SELECT array_agg(p.day ORDER BY p.day)
      FROM (
               SELECT m.period_start::timestamptz AS day, m.period_end,
                      -- Last those that do not count: where the books are broken, they never do.
                      sum(m.total_trades) OVER (
                          ORDER BY d.trades > 0 NULLS FIRST, m.period_start ROWS UNBOUNDED PRECEDING
                      ) - m.total_trades AS trades
                 FROM performance_metrics AS m
                 LEFT JOIN trade_days AS d ON d.session_id = session AND d.day = m.period_start
                WHERE m.session_id = session
                  AND m.period = 'DAILY'
                  AND m.total_trades IS DISTINCT FROM d.trades
           ) AS p
     WHERE p.trades < most_trades
       AND p.period_end <= clock_timestamp()
       AND (
           with_newest
           OR p.day < (
               SELECT max(n.period_start)
                 FROM performance_metrics AS n
                WHERE n.session_id = session AND n.period = 'DAILY'
           )
       )
$$;
COMMENT ON FUNCTION pending_trade_days IS
'The days of a session whose trades are not, or no longer, added up in trade_days, those never added up first, and not '
'many more than so many trades: those that are over and, without with_newest, not the newest, to which trades are '
'still added.';

CREATE FUNCTION roll_trades(session bigint, most_trades integer, with_newest boolean) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    pending timestamptz[];
    ends timestamptz[];
    added integer := 0;
BEGIN
    PERFORM permitted();
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RETURN 0;
    END IF;
    -- A booking has it locked already; who corrects a trade waits, or is waited for.
    PERFORM FROM trading_sessions WHERE id = session FOR NO KEY UPDATE;
    pending := pending_trade_days(session, most_trades, with_newest);
    IF pending IS NOT NULL THEN
        DELETE FROM trade_day_parts WHERE session_id = session AND day = any(pending);
        DELETE FROM trade_days WHERE session_id = session AND day = any(pending);
        INSERT INTO trade_day_parts SELECT * FROM measured_trade_parts(session, pending);
        INSERT INTO trade_days SELECT * FROM measured_trade_days(session, pending);
        SELECT coalesce(sum(k.trades), 0) INTO added
          FROM kept_trade_days(session, NULL, NULL) AS k
         WHERE k.day = any(pending);
    END IF;
    SELECT array_agg(p.month), array_agg(p.until) INTO pending, ends
      FROM pending_trade_months(session, with_newest, CASE WHEN with_newest THEN NULL ELSE 4 END) AS p;
    IF pending IS NOT NULL THEN
        DELETE FROM trade_month_parts WHERE session_id = session AND month = any(pending);
        DELETE FROM trade_months WHERE session_id = session AND month = any(pending);
        INSERT INTO trade_month_parts SELECT * FROM measured_trade_month_parts(session, pending, ends);
        INSERT INTO trade_months SELECT * FROM measured_trade_months(session, pending, ends);
        IF added = 0 THEN
            -- An earlier release has left their days.
            SELECT coalesce(sum(m.trades), 0) INTO added
              FROM trade_months AS m
             WHERE m.session_id = session AND m.month = any(pending);
        END IF;
    END IF;
    RETURN added;
END
$$;
COMMENT ON FUNCTION roll_trades IS
'Adds up the days of pending_trade_days in trade_days, and the months that are whole then, and the newest so far, in '
'trade_months; the number of their trades. Nothing is done for a transaction that does not see what others have '
'changed meanwhile.';

CREATE FUNCTION keep_trade_days() RETURNS trigger
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM public.roll_trades(new.session_id, 2048, FALSE);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION keep_trade_days IS 'Trigger of performance_metrics: keeps trade_days.';

CREATE TRIGGER performance_metrics_kept AFTER UPDATE ON performance_metrics
FOR EACH ROW WHEN (new.period = 'ALL_TIME' AND new.total_trades >> 8 > old.total_trades >> 8)
EXECUTE FUNCTION keep_trade_days();
COMMENT ON TRIGGER performance_metrics_kept ON performance_metrics IS
'Keeps trade_days: every 256 trades of a session, also where they are booked at once.';

CREATE FUNCTION forget_trade_day(session bigint, moment timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM FROM public.trading_sessions WHERE id = session FOR NO KEY UPDATE;
    IF current_setting('transaction_isolation') = 'read committed' THEN
        DELETE FROM public.trade_days WHERE session_id = session AND day = date_trunc('day', moment, 'UTC');
        DELETE FROM public.trade_months WHERE session_id = session AND month = date_trunc('month', moment, 'UTC');
    ELSE
        -- Refused where day or month was added up since this transaction's own view.
        INSERT INTO public.trade_days (session_id, day, trades) VALUES (session, date_trunc('day', moment, 'UTC'), 0)
        ON CONFLICT (session_id, day) DO UPDATE SET trades = 0;
        INSERT INTO public.trade_months (session_id, month, next_month, trades)
        VALUES (
            session, date_trunc('month', moment, 'UTC'), public.next_month(date_trunc('month', moment, 'UTC')), 0
        )
        ON CONFLICT (session_id, month) DO UPDATE SET trades = 0;
    END IF;
END
$$;
COMMENT ON FUNCTION forget_trade_day IS
'The trades of the day of a moment are read themselves from now on, and those of its month by days.';

CREATE FUNCTION correct_trade_days() RETURNS trigger
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    -- A request that is repeated writes its own id again.
    IF (old.session_id, old.symbol, old.strategy_name, old.exit_reason, old.entry_time, old.exit_time)
        IS DISTINCT FROM (new.session_id, new.symbol, new.strategy_name, new.exit_reason, new.entry_time, new.exit_time)
        OR (old.pnl, old.commission, old.margin_interest_cost, old.funding)
        <> (new.pnl, new.commission, new.margin_interest_cost, new.funding)
    THEN
        PERFORM public.forget_trade_day(old.session_id, old.exit_time);
        PERFORM public.forget_trade_day(new.session_id, new.exit_time);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION correct_trade_days IS 'Trigger of trades: the day of a corrected trade is read by its trades.';

CREATE TRIGGER trades_corrected AFTER UPDATE ON trades
FOR EACH ROW EXECUTE FUNCTION correct_trade_days();
COMMENT ON TRIGGER trades_corrected ON trades IS 'Keeps trade_days.';

CREATE FUNCTION repair_trade_days() RETURNS trigger
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM public.forget_trade_day(r.session_id, r.day)
       FROM (
                SELECT DISTINCT t.session_id, date_trunc('day', t.exit_time, 'UTC') AS day FROM removed AS t
            ) AS r;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION repair_trade_days IS 'Trigger of trades: the days of removed trades are read by their trades.';

CREATE TRIGGER trades_removed AFTER DELETE ON trades
REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION repair_trade_days();
COMMENT ON TRIGGER trades_removed ON trades IS 'Keeps trade_days.';
