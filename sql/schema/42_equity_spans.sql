-- The equity of every hour and day, kept beside the snapshots that it is made of.
-- What is known of two spans, one after the other, says everything of both together, so that years are read by their
-- days. Snapshots do not touch a span: hours are added when they are over, so that a snapshot costs hardly more than
-- before.

CREATE TABLE equity_spans (
    session_id bigint NOT NULL,
    hours smallint NOT NULL,
    start_time instant NOT NULL,
    snapshots positive_integer NOT NULL,
    closing amount NOT NULL,
    last_time instant NOT NULL,
    high amount NOT NULL,
    high_time instant NOT NULL,
    low amount NOT NULL,
    low_time instant NOT NULL,
    low_peak amount NOT NULL,
    fall ratio NOT NULL,
    fall_time instant,
    fall_equity amount,
    fall_peak amount,
    CONSTRAINT equity_spans_pkey PRIMARY KEY (session_id, hours, start_time),
    CONSTRAINT equity_spans_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id),
    CONSTRAINT equity_spans_hours CHECK (hours IN (1, 24)),
    CONSTRAINT equity_spans_fall CHECK (
        num_nulls(fall_time, fall_equity, fall_peak) = CASE fall WHEN 0 THEN 3 ELSE 0 END
    )
);

-- Read by equity_parts: where equity is below zero, a fall from an earlier peak does not follow from what is kept.
CREATE INDEX equity_spans_negative_idx ON equity_spans (session_id, hours, start_time) WHERE low < 0;

COMMENT ON TABLE equity_spans IS
'The equity of each hour and each UTC day that is over, computed from its snapshots; equity_rolls says until when. '
'Hours and days without snapshots have no row.';
COMMENT ON COLUMN equity_spans.session_id IS 'Session whose equity it is.';
COMMENT ON COLUMN equity_spans.hours IS 'Length of the span, in hours: 1, or 24 = a UTC day.';
COMMENT ON COLUMN equity_spans.start_time IS 'First moment of the span.';
COMMENT ON COLUMN equity_spans.snapshots IS 'Number of snapshots.';
COMMENT ON COLUMN equity_spans.closing IS 'Equity of the last snapshot, in the session''s base currency.';
COMMENT ON COLUMN equity_spans.last_time IS 'When the last snapshot was taken.';
COMMENT ON COLUMN equity_spans.high IS 'Highest equity, in the session''s base currency.';
COMMENT ON COLUMN equity_spans.high_time IS 'When it was first that high.';
COMMENT ON COLUMN equity_spans.low IS 'Lowest equity, in the session''s base currency.';
COMMENT ON COLUMN equity_spans.low_time IS 'When it was first that low.';
COMMENT ON COLUMN equity_spans.low_peak IS 'Highest equity of the span until then, in the session''s base currency.';
COMMENT ON COLUMN equity_spans.fall IS
'Deepest drawdown from a peak inside the span, as a fraction rounded to 12 digits; transfers are not left out.';
COMMENT ON COLUMN equity_spans.fall_time IS 'When it was first that deep; NULL without a fall.';
COMMENT ON COLUMN equity_spans.fall_equity IS 'Equity then, in the session''s base currency; NULL without a fall.';
COMMENT ON COLUMN equity_spans.fall_peak IS
'Peak that it was down from, in the session''s base currency; NULL without a fall.';

CREATE TABLE equity_rolls (
    session_id bigint NOT NULL,
    rolled_until instant,
    unrolled_in bigint,
    CONSTRAINT equity_rolls_pkey PRIMARY KEY (session_id),
    CONSTRAINT equity_rolls_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id)
);

COMMENT ON TABLE equity_rolls IS
'Until when each session''s snapshots are in equity_spans; a session without a row has nothing there.';
COMMENT ON COLUMN equity_rolls.session_id IS 'Session.';
COMMENT ON COLUMN equity_rolls.rolled_until IS
'First moment of the first hour that is not in equity_spans; NULL = none is. Snapshots from then on are read one by '
'one.';
COMMENT ON COLUMN equity_rolls.unrolled_in IS
'Transaction that set rolled_until back for a snapshot that came late: it rolls nothing up itself.';

CREATE FUNCTION measured_hours(session bigint, since timestamptz, until timestamptz) RETURNS SETOF equity_spans
LANGUAGE sql STABLE AS $$
    SELECT session, 1::smallint, w.hour, count(*)::integer,
           max(w.equity) FILTER (WHERE w.is_last), max(w.timestamp),
           max(w.equity), min(w.timestamp) FILTER (WHERE w.equity = w.highest),
           min(w.equity), min(w.timestamp) FILTER (WHERE w.equity = w.lowest),
           min(w.peak) FILTER (WHERE w.equity = w.lowest),
           max(w.deepest),
           min(w.timestamp) FILTER (WHERE w.drawdown = w.deepest AND w.deepest > 0),
           (array_agg(w.equity ORDER BY w.timestamp, w.id) FILTER (WHERE w.drawdown = w.deepest AND w.deepest > 0))[1],
           (array_agg(w.peak ORDER BY w.timestamp, w.id) FILTER (WHERE w.drawdown = w.deepest AND w.deepest > 0))[1]
      FROM (
               SELECT d.id, d.timestamp, d.equity, d.hour, d.peak, d.is_last, d.drawdown,
                      max(d.drawdown) OVER whole AS deepest, max(d.equity) OVER whole AS highest,
                      min(d.equity) OVER whole AS lowest
                 FROM (
                          SELECT p.id, p.timestamp, p.equity, p.hour, p.peak, p.is_last,
                                 drawdown(p.peak, p.equity) AS drawdown
                            FROM (
                                     SELECT h.id, h.timestamp, h.equity, h.hour, max(h.equity) OVER in_order AS peak,
                                            lead(h.id) OVER in_order IS NULL AS is_last
                                       FROM (
                                                SELECT a.id, a.timestamp::timestamptz, a.equity::numeric,
                                                       date_trunc('hour', a.timestamp, 'UTC') AS hour
                                                  FROM account_history AS a
                                                 WHERE a.session_id = session
                                                   AND a.timestamp >= since
                                                   AND a.timestamp < until
                                            ) AS h
                                     WINDOW in_order AS (
                                                PARTITION BY h.hour ORDER BY h.timestamp, h.id ROWS UNBOUNDED PRECEDING
                                            )
                                 ) AS p
                      ) AS d
               WINDOW whole AS (PARTITION BY d.hour)
           ) AS w
     GROUP BY w.hour
$$;
COMMENT ON FUNCTION measured_hours IS
'What equity_spans must say of a session''s hours from the beginning of one to before another, computed from its '
'snapshots.';

CREATE FUNCTION measured_days(session bigint, since timestamptz, until timestamptz) RETURNS SETOF equity_spans
LANGUAGE sql STABLE AS $$
    SELECT session, 24::smallint, w.day, sum(w.snapshots)::integer,
           (array_agg(w.closing ORDER BY w.start_time DESC))[1], max(w.last_time),
           max(w.high), (array_agg(w.high_time ORDER BY w.high DESC, w.start_time))[1],
           min(w.low), (array_agg(w.low_time ORDER BY w.low, w.start_time))[1],
           (array_agg(greatest(w.before, w.low_peak) ORDER BY w.low, w.start_time))[1],
           max(w.deepest),
           (array_agg(w.deepest_time ORDER BY w.deepest DESC, w.start_time))[1],
           (array_agg(w.deepest_equity ORDER BY w.deepest DESC, w.start_time))[1],
           (array_agg(w.deepest_peak ORDER BY w.deepest DESC, w.start_time))[1]
      FROM (
               SELECT h.day, h.start_time, h.snapshots, h.closing, h.last_time, h.high, h.high_time, h.low, h.low_time,
                      h.low_peak, h.before, f.*
                 FROM (
                          SELECT s.start_time, s.snapshots, s.closing::numeric, s.last_time, s.high::numeric,
                                 s.high_time, s.low::numeric, s.low_time, s.low_peak::numeric, s.fall::numeric,
                                 s.fall_time, s.fall_equity, s.fall_peak, date_trunc('day', s.start_time, 'UTC') AS day,
                                 max(s.high::numeric) OVER (
                                     PARTITION BY date_trunc('day', s.start_time, 'UTC') ORDER BY s.start_time
                                     ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                                 ) AS before
                            FROM equity_spans AS s
                           WHERE s.session_id = session
                             AND s.hours = 1
                             AND s.start_time >= since
                             AND s.start_time < until
                      ) AS h
                CROSS JOIN LATERAL (
                          SELECT h.fall AS deepest, h.fall_time AS deepest_time, h.fall_equity AS deepest_equity,
                                 h.fall_peak AS deepest_peak
                           WHERE h.before IS NULL OR drawdown(h.before, h.low) <= h.fall
                           UNION ALL
                          SELECT drawdown(h.before, h.low), h.low_time, h.low, h.before
                           WHERE drawdown(h.before, h.low) > h.fall
                      ) AS f
           ) AS w
     GROUP BY w.day
$$;
COMMENT ON FUNCTION measured_days IS
'What equity_spans must say of a session''s days from one to before another, put together from its hours.';

CREATE FUNCTION has_other_writers(session bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    -- A writer of the session holds its row by a foreign key until the transaction ends.
    PERFORM FROM trading_sessions WHERE id = session FOR UPDATE NOWAIT;
    -- Undone with this block: nobody waits for the lock.
    RAISE EXCEPTION USING ERRCODE = 'AT000', MESSAGE = 'nobody else writes';
EXCEPTION
    WHEN lock_not_available THEN
        RETURN TRUE;
    WHEN SQLSTATE 'AT000' THEN
        RETURN FALSE;
END
$$;
COMMENT ON FUNCTION has_other_writers IS
'Whether another transaction that has not ended has written something of the session.';

CREATE FUNCTION roll_equity(session bigint, until timestamptz, most_rows integer) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    since timestamptz;
    stop timestamptz := date_trunc('hour', least(until, clock_timestamp() - interval '30 minutes'), 'UTC');
    full_at timestamptz;
BEGIN
    PERFORM permitted();
    SELECT r.rolled_until INTO since FROM equity_rolls AS r WHERE r.session_id = session FOR NO KEY UPDATE;
    IF since >= stop OR current_setting('transaction_isolation') <> 'read committed' OR has_other_writers(session) THEN
        RETURN since;
    END IF;
    IF since IS NULL THEN
        SELECT date_trunc('hour', min(h.timestamp), 'UTC') INTO since FROM account_history AS h WHERE h.session_id = session;
    END IF;
    IF since IS NULL OR since >= stop THEN
        RETURN NULL;
    END IF;
    SELECT date_trunc('hour', h.timestamp, 'UTC') INTO full_at
      FROM account_history AS h
     WHERE h.session_id = session AND h.timestamp >= since AND h.timestamp < stop
     ORDER BY h.timestamp
    OFFSET most_rows
     LIMIT 1;
    IF FOUND THEN
        stop := greatest(full_at, since + interval '1 hour');
    END IF;
    INSERT INTO equity_spans SELECT * FROM measured_hours(session, since, stop);
    INSERT INTO equity_spans
    SELECT * FROM measured_days(session, date_trunc('day', since, 'UTC'), date_trunc('day', stop, 'UTC'));
    UPDATE equity_rolls SET rolled_until = stop, unrolled_in = NULL WHERE session_id = session;
    RETURN stop;
END
$$;
COMMENT ON FUNCTION roll_equity IS
'Adds the hours of a session that end before a moment, and half an hour ago, to equity_spans, and the days that are '
'over with them, of about most_rows snapshots at once; until when they are there then. Its caller has locked '
'the row of equity_rolls, and so has a writer of a snapshot of an earlier time: what might be overlooked is one of '
'the last minutes whose transaction has not ended for half an hour. While there is another transaction, nothing is '
'done.';

CREATE FUNCTION unroll_equity(session bigint, late timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    hour timestamptz := date_trunc('hour', late, 'UTC');
BEGIN
    PERFORM permitted();
    UPDATE equity_rolls
       SET rolled_until = hour, unrolled_in = pg_current_xact_id()::text::bigint
     WHERE session_id = session AND rolled_until > hour;
    IF FOUND THEN
        DELETE FROM equity_spans WHERE session_id = session AND hours = 1 AND start_time >= hour;
        DELETE FROM equity_spans
         WHERE session_id = session AND hours = 24 AND start_time >= date_trunc('day', hour, 'UTC');
    END IF;
END
$$;
COMMENT ON FUNCTION unroll_equity IS
'Takes the hour of a snapshot that came late, was corrected or was removed, and all later ones, out of equity_spans.';

CREATE FUNCTION rebuild_equity(session bigint) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    kept integer;
BEGIN
    PERFORM permitted();
    PERFORM existing_session(session);
    -- Writers of the session wait here.
    PERFORM FROM trading_sessions WHERE id = session FOR UPDATE;
    PERFORM FROM equity_rolls WHERE session_id = session FOR NO KEY UPDATE;
    DELETE FROM equity_spans WHERE session_id = session;
    INSERT INTO equity_rolls (session_id) VALUES (session)
    ON CONFLICT (session_id) DO UPDATE SET rolled_until = NULL, unrolled_in = NULL;
    PERFORM roll_equity(session, 'infinity', 1000000000);
    SELECT count(*) INTO kept FROM equity_spans WHERE session_id = session;
    RETURN kept;
END
$$;
COMMENT ON FUNCTION rebuild_equity IS
'Computes a session''s rows of equity_spans again from all its snapshots; the number of rows. Raises AT404 for an '
'unknown session.';

CREATE FUNCTION roll_before(session bigint, at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    kept equity_rolls;
BEGIN
    PERFORM permitted();
    -- What is not yet there, or changed since this transaction's own view, is found out, too.
    SELECT * INTO kept FROM equity_rolls WHERE session_id = session FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        INSERT INTO equity_rolls (session_id) VALUES (session) ON CONFLICT (session_id) DO NOTHING;
        SELECT * INTO kept FROM equity_rolls WHERE session_id = session FOR NO KEY UPDATE;
    END IF;
    IF at < kept.rolled_until THEN
        PERFORM unroll_equity(session, at);
    ELSIF (kept.rolled_until IS NULL OR at >= kept.rolled_until + interval '1 hour')
        AND kept.unrolled_in IS DISTINCT FROM pg_current_xact_id()::text::bigint
    THEN
        PERFORM roll_equity(session, at, 10000);
    END IF;
END
$$;
COMMENT ON FUNCTION roll_before IS
'After a snapshot of a moment: rolls up the hours before it, also what an earlier release left; one that came late '
'takes its hour and all later ones back, which later snapshots roll up again.';

CREATE FUNCTION keep_equity_spans() RETURNS trigger
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    -- One of the last minutes is never late: the last half hour is not rolled up. Now and then one rolls up the rest.
    IF new.timestamp < clock_timestamp() - interval '10 minutes' OR new.id % 256 = 0 THEN
        PERFORM public.roll_before(new.session_id, new.timestamp);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION keep_equity_spans IS 'Trigger of account_history: keeps equity_spans.';

CREATE TRIGGER account_history_kept AFTER INSERT ON account_history
FOR EACH ROW EXECUTE FUNCTION keep_equity_spans();
COMMENT ON TRIGGER account_history_kept ON account_history IS 'Keeps equity_spans.';

CREATE FUNCTION repair_equity_spans() RETURNS trigger
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM public.unroll_equity(r.session_id, r.first_time)
       FROM (
                SELECT h.session_id, min(h.timestamp) AS first_time FROM removed AS h GROUP BY h.session_id
            ) AS r;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION repair_equity_spans IS
'Trigger of account_history: takes the hours of snapshots that were removed, and later ones, out of equity_spans.';

CREATE TRIGGER account_history_removed AFTER DELETE ON account_history
REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION repair_equity_spans();
COMMENT ON TRIGGER account_history_removed ON account_history IS 'Keeps equity_spans.';

CREATE FUNCTION correct_equity_spans() RETURNS trigger
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM public.unroll_equity(old.session_id, old.timestamp);
    PERFORM public.unroll_equity(new.session_id, new.timestamp);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION correct_equity_spans IS
'Trigger of account_history: takes the hour of a corrected snapshot, and later ones, out of equity_spans.';

CREATE TRIGGER account_history_corrected AFTER UPDATE OF session_id, timestamp, equity ON account_history
FOR EACH ROW EXECUTE FUNCTION correct_equity_spans();
COMMENT ON TRIGGER account_history_corrected ON account_history IS 'Keeps equity_spans.';

CREATE FUNCTION equity_parts(
    session bigint, since timestamptz, until timestamptz, fine_days timestamptz[], fine_hours timestamptz[]
) RETURNS TABLE (
    start_time timestamptz, id bigint, hours integer, snapshots integer, transferred numeric, closing numeric,
    last_time timestamptz, high numeric, high_time timestamptz, low numeric, low_time timestamptz, low_peak numeric,
    fall numeric, fall_time timestamptz, fall_equity numeric, fall_peak numeric
)
LANGUAGE sql STABLE AS $$
    WITH rolled AS MATERIALIZED (
        SELECT max(r.rolled_until::timestamptz) AS stop, date_trunc('day', max(r.rolled_until), 'UTC') AS last_day
          FROM public.equity_rolls AS r
         WHERE r.session_id = session
    ), spans AS MATERIALIZED (
        SELECT t.valid_from, t.valid_until, t.transferred FROM public.transfer_spans(session) AS t
    ), cuts AS MATERIALIZED (
        SELECT c.moment, date_trunc('day', c.moment, 'UTC') AS day, date_trunc('hour', c.moment, 'UTC') AS hour
          FROM (
                   SELECT since AS moment
                    UNION ALL
                   SELECT until
                    UNION ALL
                   SELECT s.valid_from FROM spans AS s
               ) AS c
         WHERE isfinite(c.moment)
    ), days AS MATERIALIZED (
        SELECT c.day FROM cuts AS c WHERE c.moment > c.day
         UNION
        SELECT d.day FROM unnest(fine_days) AS d (day)
         UNION
        SELECT n.start_time
          FROM public.equity_spans AS n
         WHERE n.session_id = session AND n.hours = 24 AND n.low < 0
    ), fine AS MATERIALIZED (
        SELECT c.hour FROM cuts AS c WHERE c.moment > c.hour
         UNION
        SELECT h.hour FROM unnest(fine_hours) AS h (hour)
         UNION
        SELECT n.start_time
          FROM public.equity_spans AS n
         WHERE n.session_id = session AND n.hours = 1 AND n.low < 0
    ), parts AS (
        SELECT d.start_time::timestamptz, 0::bigint AS id, d.hours::integer, d.snapshots::integer, d.closing::numeric,
               d.last_time::timestamptz, d.high::numeric, d.high_time::timestamptz, d.low::numeric,
               d.low_time::timestamptz, d.low_peak::numeric, d.fall::numeric, d.fall_time::timestamptz,
               d.fall_equity::numeric, d.fall_peak::numeric
          FROM public.equity_spans AS d
         WHERE d.session_id = session
           AND d.hours = 24
           AND d.start_time >= coalesce(since, '-infinity')
           AND d.start_time < coalesce(until, 'infinity')
           AND d.start_time NOT IN (SELECT x.day FROM days AS x)
         UNION ALL
        SELECT h.start_time, 0, 1, h.snapshots, h.closing, h.last_time, h.high, h.high_time, h.low, h.low_time,
               h.low_peak, h.fall, h.fall_time, h.fall_equity, h.fall_peak
          FROM (
                   SELECT x.day FROM days AS x CROSS JOIN rolled AS r WHERE x.day < r.last_day
                    UNION ALL
                   SELECT r.last_day FROM rolled AS r WHERE r.last_day IS NOT NULL
               ) AS x
         CROSS JOIN LATERAL (
                   SELECT s.start_time, s.snapshots, s.closing, s.last_time, s.high, s.high_time, s.low, s.low_time,
                          s.low_peak, s.fall, s.fall_time, s.fall_equity, s.fall_peak
                     FROM public.equity_spans AS s
                    WHERE s.session_id = session
                      AND s.hours = 1
                      AND s.start_time >= x.day
                      AND s.start_time < x.day + interval '24 hours'
                      AND s.start_time >= coalesce(since, '-infinity')
                      AND s.start_time < coalesce(until, 'infinity')
                   OFFSET 0
               ) AS h
         WHERE h.start_time NOT IN (SELECT x.hour FROM fine AS x)
         UNION ALL
        SELECT a.timestamp, a.id, 0, 1, a.equity, a.timestamp, a.equity, a.timestamp, a.equity, a.timestamp, a.equity,
               0, NULL, NULL, NULL
          FROM (
                   SELECT x.hour AS first_moment, x.hour + interval '1 hour' AS next_moment
                     FROM fine AS x
                    CROSS JOIN rolled AS r
                    WHERE x.hour < r.stop
                    UNION ALL
                   SELECT coalesce(r.stop, '-infinity'), 'infinity' FROM rolled AS r
               ) AS x
         CROSS JOIN LATERAL (
                   SELECT h.id, h.timestamp, h.equity
                     FROM public.account_history AS h
                    WHERE h.session_id = session
                      AND h.timestamp >= greatest(x.first_moment, since)
                      AND h.timestamp < least(x.next_moment, until)
                   OFFSET 0
               ) AS a
    )
    SELECT p.start_time, p.id, p.hours, p.snapshots, s.transferred, p.closing, p.last_time, p.high, p.high_time, p.low,
           p.low_time, p.low_peak, p.fall, p.fall_time, p.fall_equity, p.fall_peak
      FROM parts AS p
      JOIN spans AS s ON p.start_time >= s.valid_from AND p.start_time < s.valid_until
$$;
COMMENT ON FUNCTION equity_parts IS
'The snapshots of a session from one moment to before another in parts, each of which says what equity_spans does: '
'days where a day is whole, hours in those that are cut, in the last one and in fine_days, and the snapshots '
'themselves (hours = 0) in the hours that are cut, in fine_hours, and after the last hour that is rolled up. A '
'transfer cuts, too, so that transferred (deposits less withdrawals until then) is one number in each part; and what '
'is below zero is not put together. In order of start_time and id.';
