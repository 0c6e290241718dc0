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
    funding numeric, net_pnl numeric
)
LANGUAGE sql STABLE AS $$
    SELECT t.id, s.session_id, t.symbol, t.strategy_name, t.exit_reason,
           t.entry_time, t.exit_time, t.pnl, t.commission, t.margin_interest_cost, t.funding,
           t.net_pnl
      FROM public.chosen_sessions(session, source, NULL, NULL) AS s
     CROSS JOIN LATERAL (
               SELECT r.id, r.symbol::text, r.strategy_name::text, r.exit_reason::text,
                      r.entry_time::timestamptz, r.exit_time::timestamptz, r.pnl::numeric, r.commission::numeric,
                      r.margin_interest_cost::numeric, r.funding::numeric, r.net_pnl::numeric
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
    session_id bigint, start_time timestamptz, by_snapshots boolean, opening_balance numeric, opening_equity numeric,
    opening_transferred numeric
)
LANGUAGE sql STABLE AS $$
    SELECT s.session_id, s.start_time, first_snapshot.id IS NOT NULL,
           s.initial_balance + coalesce(earlier.net_pnl, 0),
           CASE
               WHEN first_snapshot.id IS NULL THEN s.initial_balance + coalesce(earlier.net_pnl, 0)
               ELSE coalesce(last_before.equity, s.initial_balance)
           END,
           coalesce(last_before.transferred, 0)
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
               SELECT h.equity, t.transferred
                 FROM public.account_history AS h
                 JOIN public.transfer_spans(s.session_id) AS t
                   ON h.timestamp >= t.valid_from AND h.timestamp < t.valid_until
                WHERE h.session_id = s.session_id
                  AND h.timestamp < since
                ORDER BY h.timestamp DESC, h.id DESC
                LIMIT 1
           ) AS last_before ON TRUE
      LEFT JOIN LATERAL (
               SELECT sum(d.net_pnl) AS net_pnl
                 FROM (
                          -- Whole days are added up already, of all strategies and symbols together.
                          SELECT m.net_pnl::numeric
                            FROM public.performance_metrics AS m
                           WHERE num_nonnulls(strategy, instrument) = 0
                             AND m.session_id = s.session_id
                             AND m.period = 'DAILY'
                             AND m.period_start < date_trunc('day', since, 'UTC')
                           UNION ALL
                          SELECT t.net_pnl
                            FROM public.trades AS t
                           WHERE t.session_id = s.session_id
                             AND t.exit_time < since
                             AND t.exit_time >= CASE num_nonnulls(strategy, instrument)
                                     WHEN 0 THEN date_trunc('day', since, 'UTC') ELSE '-infinity'
                                 END
                             AND (strategy IS NULL OR t.strategy_name = strategy)
                             AND (instrument IS NULL OR t.symbol = instrument)
                      ) AS d
           ) AS earlier ON TRUE
$$;
COMMENT ON FUNCTION chosen_openings IS
'Where the chosen sessions stood at since, in their base currency: opening_balance = initial balance + net P&L of the '
'chosen trades before; opening_equity = the newest snapshot before, else the initial balance, if the session''s equity '
'is read by_snapshots (there are some in the span and neither strategy nor symbol is chosen), else opening_balance; '
'opening_transferred = deposits less withdrawals until that snapshot.';

CREATE FUNCTION equity_series(
    session bigint, source trade_source, strategy text, instrument text, since timestamptz, until timestamptz
) RETURNS TABLE (
    "time" timestamptz, place bigint, is_opening boolean,
    opening numeric, equity numeric, transferred numeric, peak numeric, drawdown numeric, next_time timestamptz
)
LANGUAGE sql STABLE AS $$
    WITH openings AS MATERIALIZED (
        SELECT o.session_id, o.start_time, o.by_snapshots, o.opening_equity, o.opening_transferred
          FROM public.chosen_openings(session, source, strategy, instrument, since, until) AS o
    ), single AS (
        -- The snapshots of one session are its equity as they are, which takes half as long as adding up changes.
        SELECT o.session_id, o.opening_equity, o.opening_transferred
          FROM openings AS o
         WHERE o.by_snapshots AND (SELECT count(*) FROM openings) = 1
    ), changes AS (
        SELECT c.time, o.session_id, c.id, c.change, c.transfer
          FROM openings AS o
         CROSS JOIN LATERAL (
                   SELECT h.timestamp::timestamptz AS time, h.id,
                          h.equity - lag(h.equity::numeric, 1, o.opening_equity) OVER in_order AS change,
                          r.transferred - lag(r.transferred, 1, o.opening_transferred) OVER in_order AS transfer
                     FROM public.account_history AS h
                     JOIN public.transfer_spans(o.session_id) AS r
                       ON h.timestamp >= r.valid_from AND h.timestamp < r.valid_until
                    WHERE o.by_snapshots
                      AND h.session_id = o.session_id
                      AND h.timestamp >= coalesce(since, '-infinity')
                      AND h.timestamp < coalesce(until, 'infinity')
                   WINDOW in_order AS (ORDER BY h.timestamp, h.id)
                    UNION ALL
                   SELECT t.exit_time, t.id, t.net_pnl, 0
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
        SELECT time, session_id, id, change, transfer, FALSE AS is_opening
          FROM changes
         UNION ALL
        -- A balance starts somewhere; a series of snapshots starts with its first.
        SELECT least(coalesce(since, min(start_time)), (SELECT min(time) FROM changes)), 0, 0, 0, 0, TRUE
          FROM openings
        HAVING NOT bool_or(by_snapshots)
    ), valued AS (
        SELECT time, session_id, id, is_opening, capital.opening,
               row_number() OVER in_order AS place, lead(time) OVER in_order AS next_time,
               capital.opening + sum(change) OVER in_order AS equity, sum(transfer) OVER in_order AS transferred
          FROM points
         CROSS JOIN (SELECT sum(opening_equity) AS opening FROM openings) AS capital
        WINDOW in_order AS (ORDER BY time, session_id, id ROWS UNBOUNDED PRECEDING)
    ), peaked AS (
        SELECT v.time, v.place, v.is_opening, v.opening, v.equity, v.transferred, v.next_time,
               -- A transfer moves the peak along.
               max(v.equity - v.transferred) OVER (
                   ORDER BY v.time, v.session_id, v.id ROWS UNBOUNDED PRECEDING
               ) + v.transferred AS peak
          FROM valued AS v
         UNION ALL
        SELECT h.time, h.place, FALSE, s.opening_equity, h.equity, h.transferred - s.opening_transferred, h.next_time,
               h.peak
          FROM single AS s
         CROSS JOIN LATERAL (
                   SELECT a.timestamp::timestamptz AS time, row_number() OVER in_order AS place,
                          a.equity::numeric AS equity, r.transferred,
                          max(a.equity - r.transferred) OVER in_order + r.transferred AS peak,
                          lead(a.timestamp::timestamptz) OVER in_order AS next_time
                     FROM public.account_history AS a
                     JOIN public.transfer_spans(s.session_id) AS r
                       ON a.timestamp >= r.valid_from AND a.timestamp < r.valid_until
                    WHERE a.session_id = s.session_id
                      AND a.timestamp >= coalesce(since, '-infinity')
                      AND a.timestamp < coalesce(until, 'infinity')
                   WINDOW in_order AS (ORDER BY a.timestamp, a.id ROWS UNBOUNDED PRECEDING)
               ) AS h
    )
    SELECT p.time, p.place, p.is_opening, p.opening, p.equity, p.transferred, p.peak,
           public.drawdown(p.peak, p.equity), p.next_time
      FROM peaked AS p
$$;
COMMENT ON FUNCTION equity_series IS
'The equity of the chosen sessions together, in base currency, at every snapshot (of a session without snapshots in '
'the span, or when a strategy or symbol is chosen: opening balance + cumulative net P&L at every trade''s exit, after '
'a first row that is the opening). Several sessions'' capital is added up as if it had been there from the beginning. '
'transferred is what was deposited less withdrawn since the opening; peak is the highest equity so far, which a '
'transfer moves along, drawdown = (peak - equity) / peak as a fraction, opening the capital before the first row, '
'next_time the next row''s time.';

CREATE FUNCTION equity_steps(
    session bigint, source trade_source, strategy text, instrument text, since timestamptz, until timestamptz,
    fine_days timestamptz[], fine_hours timestamptz[]
) RETURNS TABLE (
    place bigint, start_time timestamptz, hours integer, snapshots integer, is_opening boolean, opening numeric,
    transferred numeric, closing numeric, last_time timestamptz, high numeric, high_time timestamptz, low numeric,
    low_time timestamptz, low_peak numeric, fall numeric, fall_time timestamptz, fall_equity numeric,
    fall_peak numeric, peak_before numeric, peak numeric, drawdown numeric, total_snapshots bigint
)
LANGUAGE sql STABLE AS $$
    WITH openings AS MATERIALIZED (
        SELECT o.session_id, o.by_snapshots, o.opening_equity, o.opening_transferred
          FROM public.chosen_openings(session, source, strategy, instrument, since, until) AS o
    ), single AS MATERIALIZED (
        SELECT o.session_id, o.opening_equity, o.opening_transferred
          FROM openings AS o
         WHERE o.by_snapshots AND (SELECT count(*) FROM openings) = 1
    ), steps AS (
        SELECT p.start_time, p.id, p.hours, p.snapshots, FALSE AS is_opening, s.opening_equity AS opening,
               p.transferred - s.opening_transferred AS transferred, p.closing, p.last_time, p.high, p.high_time,
               p.low, p.low_time, p.low_peak, p.fall, p.fall_time, p.fall_equity, p.fall_peak
          FROM single AS s
         CROSS JOIN LATERAL public.equity_parts(s.session_id, since, until, fine_days, fine_hours) AS p
         UNION ALL
        SELECT e.time, e.place, 0, 1, e.is_opening, e.opening, e.transferred, e.equity, e.time, e.equity, e.time,
               e.equity, e.time, e.equity, 0, NULL, NULL, NULL
          FROM public.equity_series(session, source, strategy, instrument, since, until) AS e
         WHERE NOT EXISTS (SELECT FROM single)
    ), peaked AS (
        SELECT s.*, row_number() OVER in_order AS place, sum(s.snapshots) OVER () AS total_snapshots,
               max(s.high - s.transferred) OVER in_order + s.transferred AS peak_before
          FROM steps AS s
        WINDOW in_order AS (ORDER BY s.start_time, s.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    )
    SELECT p.place, p.start_time, p.hours, p.snapshots, p.is_opening, p.opening, p.transferred, p.closing, p.last_time,
           p.high, p.high_time, p.low, p.low_time, p.low_peak, p.fall, p.fall_time, p.fall_equity, p.fall_peak,
           p.peak_before, greatest(p.peak_before, p.high),
           greatest(p.fall, public.drawdown(greatest(p.peak_before, p.low), p.low)), p.total_snapshots
      FROM peaked AS p
$$;
COMMENT ON FUNCTION equity_steps IS
'The equity of equity_series in steps: those of equity_parts where one session''s snapshots say it, else every row '
'of equity_series. opening, transferred and drawdown mean what they mean there, drawdown being the deepest of the '
'step; peak_before is the highest equity before the step and peak after it, which a transfer moves along; is_opening '
'is true of the row that only says where a balance starts; total_snapshots is how many rows equity_series has.';

CREATE FUNCTION daily_equity(
    session bigint, source trade_source, strategy text, instrument text, since timestamptz, until timestamptz
) RETURNS TABLE (
    day timestamptz, equity numeric, transferred numeric, daily_return numeric, max_drawdown numeric
)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    own record;
BEGIN
    SELECT min(o.session_id) AS session_id, coalesce(count(*) = 1 AND bool_and(o.by_snapshots), FALSE) AS is_single,
           sum(o.opening_equity) AS opening, min(o.opening_transferred) AS transferred INTO own
      FROM public.chosen_openings(session, source, strategy, instrument, since, until) AS o;
    RETURN QUERY
    WITH parts AS (
        SELECT p.start_time, p.id, p.hours, FALSE AS is_opening, p.transferred - own.transferred AS transferred,
               p.closing, p.high, p.low, p.fall
          FROM public.equity_parts(own.session_id, since, until, '{}', '{}') AS p
         WHERE own.is_single
         UNION ALL
        SELECT e.time, e.place, 0, e.is_opening, e.transferred, e.equity, e.equity, e.equity, 0
          FROM public.equity_series(session, source, strategy, instrument, since, until) AS e
         WHERE NOT own.is_single
    ), peaked AS (
        SELECT p.start_time, p.hours, p.is_opening, p.transferred, p.closing, p.low, p.fall,
               row_number() OVER in_order AS place,
               -- A transfer moves the peak along.
               max(p.high - p.transferred) OVER in_order + p.transferred AS peak
          FROM parts AS p
        WINDOW in_order AS (ORDER BY p.start_time, p.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ), steps AS MATERIALIZED (
        SELECT date_trunc('day', p.start_time, 'UTC') AS day, p.hours, p.place, p.closing, p.transferred,
               greatest(p.fall, public.drawdown(greatest(p.peak, p.low), p.low)) AS deepest
          FROM peaked AS p
         WHERE NOT p.is_opening
    ), closing AS (
        -- Adding up a group of one costs more than all the rest of a day.
        SELECT s.day, s.closing AS equity, s.transferred, s.deepest
          FROM steps AS s
         WHERE s.hours = 24
         UNION ALL
        SELECT n.day, n.step[2], n.step[3], n.deepest
          FROM (
                   -- Compared by its first element, the last step of a day is the largest.
                   SELECT s.day, max(ARRAY[s.place, s.closing, s.transferred]) AS step, max(s.deepest) AS deepest
                     FROM steps AS s
                    WHERE s.hours < 24
                    GROUP BY s.day
               ) AS n
    ), followed AS (
        SELECT c.day, c.equity, c.transferred, c.deepest,
               c.transferred - lag(c.transferred, 1, 0::numeric) OVER in_order AS transfer,
               lag(c.equity, 1, own.opening) OVER in_order AS before,
               lead(c.day, 1, c.day + interval '24 hours') OVER in_order AS next_day
          FROM closing AS c
        WINDOW in_order AS (ORDER BY c.day)
    )
    SELECT f.day, f.equity, f.transferred,
           CASE WHEN f.before > 0 THEN round((f.equity - f.transfer) / f.before - 1, 12) END, f.deepest
      FROM followed AS f
     UNION ALL
    -- Only where days are missing: a series of one costs more than the rest of a day's row.
    SELECT d.day, f.equity, f.transferred, 0, f.deepest
      FROM followed AS f
     CROSS JOIN LATERAL generate_series(
               f.day + interval '24 hours', f.next_day - interval '24 hours', interval '24 hours'
           ) AS d (day)
     WHERE f.next_day > f.day + interval '24 hours';
END
$$;
COMMENT ON FUNCTION daily_equity IS
'The equity of the chosen sessions at the end of every UTC day from the first to the last that equity_series knows (a '
'day without news keeps the one before), what was deposited less withdrawn until then, its return on the day before, '
'transfers left out (on the opening, for the first) as a fraction '
'rounded to 12 digits, NULL where there was nothing to earn on, and the day''s largest drawdown.';
