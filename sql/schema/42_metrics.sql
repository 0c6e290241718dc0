-- Metrics: figures kept up to date with each trade, and how they are computed from trades and ledger.

CREATE TABLE performance_metrics (
    session_id bigint NOT NULL,
    period metric_period NOT NULL,
    period_start instant NOT NULL,
    period_end instant,
    opening_balance amount NOT NULL,
    total_trades integer NOT NULL,
    winning_trades integer NOT NULL,
    losing_trades integer NOT NULL,
    gross_profit nonnegative NOT NULL,
    gross_loss nonnegative NOT NULL,
    commission amount NOT NULL,
    margin_interest_cost amount NOT NULL,
    funding amount NOT NULL DEFAULT 0,
    net_pnl amount NOT NULL GENERATED ALWAYS AS (
        gross_profit - gross_loss - commission - margin_interest_cost + funding
    ) STORED,
    best_trade_pnl amount NOT NULL,
    worst_trade_pnl amount NOT NULL,
    current_streak integer NOT NULL,
    largest_win_streak integer NOT NULL,
    largest_loss_streak integer NOT NULL,
    peak_balance amount NOT NULL,
    max_drawdown ratio NOT NULL,
    win_rate fraction NOT NULL GENERATED ALWAYS AS (winning_trades::numeric / total_trades) STORED,
    profit_factor ratio GENERATED ALWAYS AS (gross_profit / nullif(gross_loss, 0)) STORED,
    expectancy amount NOT NULL GENERATED ALWAYS AS ((gross_profit - gross_loss) / total_trades) STORED,
    avg_win amount GENERATED ALWAYS AS (gross_profit / nullif(winning_trades, 0)) STORED,
    avg_loss amount GENERATED ALWAYS AS (-gross_loss / nullif(losing_trades, 0)) STORED,
    CONSTRAINT performance_metrics_pkey PRIMARY KEY (session_id, period, period_start),
    CONSTRAINT performance_metrics_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id),
    CONSTRAINT performance_metrics_period_span CHECK (
        CASE period WHEN 'ALL_TIME' THEN period_end IS NULL ELSE coalesce(period_end > period_start, FALSE) END
    ),
    CONSTRAINT performance_metrics_counts CHECK (
        total_trades >= 1 AND winning_trades >= 0 AND losing_trades >= 0
        AND winning_trades + losing_trades <= total_trades
    ),
    CONSTRAINT performance_metrics_streaks CHECK (
        largest_win_streak BETWEEN greatest(current_streak, 0) AND winning_trades
        AND largest_loss_streak BETWEEN greatest(-current_streak, 0) AND losing_trades
    )
) WITH (fillfactor = 50);

COMMENT ON TABLE performance_metrics IS
'One row per session and period, kept up to date by every trade in constant time: exact sums and counts, the '
'rest is derived from them. '
'Trades count on the UTC day of their exit_time, in the order in which they were booked.';
COMMENT ON COLUMN performance_metrics.session_id IS 'Session whose trades are counted.';
COMMENT ON COLUMN performance_metrics.period IS 'DAILY or ALL_TIME; longer periods are sums of days.';
COMMENT ON COLUMN performance_metrics.period_start IS 'First moment of the period; 1970-01-01 for ALL_TIME.';
COMMENT ON COLUMN performance_metrics.period_end IS 'First moment after the period; NULL for ALL_TIME.';
COMMENT ON COLUMN performance_metrics.opening_balance IS
'Where the period''s balance starts, in the session''s base currency: for ALL_TIME the initial balance, for a day the '
'balance after its first trade less that trade''s net P&L.';
COMMENT ON COLUMN performance_metrics.total_trades IS 'Number of trades, those with pnl = 0 included.';
COMMENT ON COLUMN performance_metrics.winning_trades IS 'Number of trades with pnl > 0.';
COMMENT ON COLUMN performance_metrics.losing_trades IS 'Number of trades with pnl < 0.';
COMMENT ON COLUMN performance_metrics.gross_profit IS 'Sum of the positive pnl, in the session''s base currency.';
COMMENT ON COLUMN performance_metrics.gross_loss IS
'Sum of the negative pnl without its sign, in the session''s base currency.';
COMMENT ON COLUMN performance_metrics.commission IS 'Sum of commission, in the session''s base currency.';
COMMENT ON COLUMN performance_metrics.margin_interest_cost IS
'Sum of margin_interest_cost, in the session''s base currency.';
COMMENT ON COLUMN performance_metrics.funding IS
'Sum of funding, in the session''s base currency: positive when received.';
COMMENT ON COLUMN performance_metrics.net_pnl IS
'Sum of net P&L: gross profit - gross loss - commission - margin interest + funding.';
COMMENT ON COLUMN performance_metrics.best_trade_pnl IS 'Largest pnl of one trade, in the session''s base currency.';
COMMENT ON COLUMN performance_metrics.worst_trade_pnl IS 'Smallest pnl of one trade, in the session''s base currency.';
COMMENT ON COLUMN performance_metrics.current_streak IS
'Wins in a row up to the newest trade; negative: losses in a row; 0 after a trade with pnl = 0.';
COMMENT ON COLUMN performance_metrics.largest_win_streak IS 'Longest run of winning trades.';
COMMENT ON COLUMN performance_metrics.largest_loss_streak IS 'Longest run of losing trades.';
COMMENT ON COLUMN performance_metrics.peak_balance IS
'Highest value of opening_balance + cumulative net P&L, the opening included, in the session''s base currency.';
COMMENT ON COLUMN performance_metrics.max_drawdown IS
'Largest (running peak - value) / running peak of opening_balance + cumulative net P&L in order of booking, as a '
'fraction rounded to 12 digits; a session''s maximum drawdown is that of its equity (session_drawdown).';
COMMENT ON COLUMN performance_metrics.win_rate IS 'winning_trades / total_trades, as a fraction.';
COMMENT ON COLUMN performance_metrics.profit_factor IS 'gross_profit / gross_loss; NULL without losses.';
COMMENT ON COLUMN performance_metrics.expectancy IS 'Mean pnl of a trade, in the session''s base currency.';
COMMENT ON COLUMN performance_metrics.avg_win IS 'Mean pnl of the winning trades; NULL without one.';
COMMENT ON COLUMN performance_metrics.avg_loss IS 'Mean pnl of the losing trades, negative; NULL without one.';

CREATE VIEW recomputed_metrics AS
WITH booked AS NOT MATERIALIZED (
    SELECT t.session_id, t.pnl, t.net_pnl, t.commission, t.margin_interest_cost, t.funding, t.exit_time,
           l.entry_number, l.total_balance - t.net_pnl AS opening, s.initial_balance
      FROM trades AS t
      JOIN account_balances AS l ON l.request_id = t.request_id
      JOIN trading_sessions AS s ON s.id = t.session_id
), counted AS (
    -- One after the other, and not side by side: who asks for one kind of period reads trades for that one only.
    SELECT session_id, pnl, net_pnl, commission, margin_interest_cost, funding, entry_number,
           'DAILY'::metric_period AS period, date_trunc('day', exit_time, 'UTC') AS period_start, opening
      FROM booked
     UNION ALL
    SELECT session_id, pnl, net_pnl, commission, margin_interest_cost, funding, entry_number,
           'ALL_TIME'::metric_period, 'epoch'::timestamptz, initial_balance
      FROM booked
), valued AS (
    SELECT session_id, pnl, net_pnl, commission, margin_interest_cost, funding, entry_number, period, period_start,
           opening, sum(net_pnl) OVER in_order AS earned, row_number() OVER in_order AS place
      FROM counted
    WINDOW in_order AS (
               PARTITION BY session_id, period, period_start ORDER BY entry_number ROWS UNBOUNDED PRECEDING
           )
), measured AS (
    SELECT session_id, pnl, net_pnl, commission, margin_interest_cost, funding, period, period_start, earned, place,
           max(CASE WHEN place = 1 THEN opening END) OVER in_order AS opening_balance,
           greatest(0, max(earned) OVER in_order) AS most_earned,
           -- Whatever is no win, or no loss, ends the run before it.
           coalesce(max(place) FILTER (WHERE pnl <= 0) OVER in_order, 0) AS last_not_won,
           coalesce(max(place) FILTER (WHERE pnl >= 0) OVER in_order, 0) AS last_not_lost
      FROM valued
    WINDOW in_order AS (
               PARTITION BY session_id, period, period_start ORDER BY entry_number ROWS UNBOUNDED PRECEDING
           )
)
SELECT session_id, period, period_start,
       CASE period WHEN 'DAILY' THEN period_start + interval '24 hours' END AS period_end,
       max(opening_balance) AS opening_balance,
       count(*)::integer AS total_trades,
       (count(*) FILTER (WHERE pnl > 0))::integer AS winning_trades,
       (count(*) FILTER (WHERE pnl < 0))::integer AS losing_trades,
       coalesce(sum(pnl) FILTER (WHERE pnl > 0), 0) AS gross_profit,
       coalesce(-sum(pnl) FILTER (WHERE pnl < 0), 0) AS gross_loss,
       sum(commission) AS commission,
       sum(margin_interest_cost) AS margin_interest_cost,
       sum(funding) AS funding,
       max(pnl) AS best_trade_pnl,
       min(pnl) AS worst_trade_pnl,
       (max(last_not_lost) - max(last_not_won))::integer AS current_streak,
       max(place - last_not_won)::integer AS largest_win_streak,
       max(place - last_not_lost)::integer AS largest_loss_streak,
       max(opening_balance) + max(most_earned) AS peak_balance,
       -- What earns something, or nothing, is no deeper than what was before it.
       coalesce(
           max(drawdown(opening_balance + most_earned, opening_balance + earned)) FILTER (WHERE net_pnl < 0),
           0.000000000000
       ) AS max_drawdown
  FROM measured
 GROUP BY session_id, period, period_start;
COMMENT ON VIEW recomputed_metrics IS
'What performance_metrics must say, computed again from trades and ledger; the columns mean the same.';
COMMENT ON COLUMN recomputed_metrics.period IS 'DAILY or ALL_TIME.';
COMMENT ON COLUMN recomputed_metrics.opening_balance IS
'Where the period''s balance starts, in the session''s base currency.';
COMMENT ON COLUMN recomputed_metrics.current_streak IS
'Wins in a row up to the newest booking; negative: losses in a row; 0 after a trade with pnl = 0.';
COMMENT ON COLUMN recomputed_metrics.largest_win_streak IS 'Longest run of winning trades, in order of booking.';
COMMENT ON COLUMN recomputed_metrics.largest_loss_streak IS 'Longest run of losing trades, in order of booking.';
COMMENT ON COLUMN recomputed_metrics.max_drawdown IS
'Largest (running peak - value) / running peak of that value in order of booking, as a fraction.';

CREATE FUNCTION session_drawdown(session bigint) RETURNS numeric
LANGUAGE plpgsql STABLE AS $$
DECLARE
    deepest numeric;
BEGIN
    -- Planned once a connection: an SQL function that is not inlined would be planned at every call, which takes
    -- longer than reading years of days.
    SELECT max(greatest(c.fall, public.drawdown(greatest(c.peak_before, c.low), c.low))) INTO deepest
      FROM (
               SELECT p.fall, p.low,
                      -- A transfer moves the peak along.
                      max(p.high - p.transferred) OVER (
                          ORDER BY p.start_time, p.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                      ) + p.transferred AS peak_before
                 FROM public.equity_parts(session, NULL, NULL, '{}', '{}') AS p
           ) AS c;
    IF deepest IS NULL THEN
        SELECT max(public.drawdown(c.peak, c.balance)) INTO deepest
          FROM (
                   SELECT v.balance,
                          greatest(v.initial_balance, max(v.balance) OVER (ORDER BY v.exit_time, v.id)) AS peak
                     FROM (
                              SELECT t.id, t.exit_time, s.initial_balance,
                                     s.initial_balance
                                     + sum(t.net_pnl) OVER (ORDER BY t.exit_time, t.id) AS balance
                                FROM public.trading_sessions AS s
                                JOIN public.trades AS t ON t.session_id = s.id
                               WHERE s.id = session
                          ) AS v
               ) AS c;
    END IF;
    RETURN coalesce(deepest, 0);
END
$$;
COMMENT ON FUNCTION session_drawdown IS
'The one maximum drawdown of a session, that of its equity_series: largest (running peak - value) / running peak, as a '
'fraction rounded to 12 digits, of its snapshots if there are any, else of initial balance + cumulative net P&L in '
'order of exit; 0 without trades.';

CREATE FUNCTION final_figures(session bigint)
RETURNS TABLE (total_pnl numeric, total_trades integer, win_rate numeric, max_drawdown numeric)
LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(sum(m.net_pnl), 0), coalesce(sum(m.total_trades), 0)::integer, trim_scale(max(m.win_rate)),
           trim_scale(session_drawdown(session))
      FROM performance_metrics AS m
     WHERE m.session_id = session AND m.period = 'ALL_TIME'
$$;
COMMENT ON FUNCTION final_figures IS
'A session''s figures over all its trades: net P&L in base currency, number of trades, win rate and maximum '
'drawdown as fractions. '
'VOLATILE, so that a statement which waited for the session''s lock counts the trades booked meanwhile.';

CREATE FUNCTION rebuild_metrics(session bigint) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    written integer;
BEGIN
    PERFORM permitted();
    -- Trades of the session wait here, and are counted by themselves afterwards.
    PERFORM existing_session(session);
    PERFORM FROM trading_sessions WHERE id = session FOR NO KEY UPDATE;
    DELETE FROM performance_metrics WHERE session_id = session;
    INSERT INTO performance_metrics (
        session_id, period, period_start, period_end, opening_balance, total_trades, winning_trades, losing_trades,
        gross_profit, gross_loss, commission, margin_interest_cost, funding, best_trade_pnl, worst_trade_pnl,
        current_streak, largest_win_streak, largest_loss_streak, peak_balance, max_drawdown
    )
    SELECT session_id, period, period_start, period_end, opening_balance, total_trades, winning_trades, losing_trades,
           gross_profit, gross_loss, commission, margin_interest_cost, funding, best_trade_pnl, worst_trade_pnl,
           current_streak, largest_win_streak, largest_loss_streak, peak_balance, max_drawdown
      FROM recomputed_metrics
     WHERE session_id = session;
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN written;
END
$$;
COMMENT ON FUNCTION rebuild_metrics IS
'Replaces a session''s rows of performance_metrics by recomputed_metrics; the number of rows. Raises AT404 for '
'an unknown session.';
