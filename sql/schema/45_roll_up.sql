-- What is kept by days, computed again in steps: after an upgrade, or when an audit found it wrong.

CREATE FUNCTION discard_rollups(session bigint) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    removed integer;
BEGIN
    PERFORM permitted();
    PERFORM existing_session(session);
    -- Writers of the session wait here.
    PERFORM FROM trading_sessions WHERE id = session FOR UPDATE;
    PERFORM FROM equity_rolls WHERE session_id = session FOR NO KEY UPDATE;
    UPDATE equity_rolls SET rolled_until = NULL, unrolled_in = NULL WHERE session_id = session;
    WITH spans AS (DELETE FROM equity_spans WHERE session_id = session RETURNING session_id),
    months AS (DELETE FROM trade_months WHERE session_id = session RETURNING session_id),
    month_parts AS (DELETE FROM trade_month_parts WHERE session_id = session RETURNING session_id),
    days AS (DELETE FROM trade_days WHERE session_id = session RETURNING session_id),
    day_parts AS (DELETE FROM trade_day_parts WHERE session_id = session RETURNING session_id),
    days_of_orders AS (DELETE FROM order_days WHERE session_id = session RETURNING session_id),
    parts_of_orders AS (DELETE FROM order_day_parts WHERE session_id = session RETURNING session_id)
    SELECT count(*) INTO removed
      FROM (
               SELECT session_id FROM spans
                UNION ALL
               SELECT session_id FROM months
                UNION ALL
               SELECT session_id FROM month_parts
                UNION ALL
               SELECT session_id FROM days
                UNION ALL
               SELECT session_id FROM day_parts
                UNION ALL
               SELECT session_id FROM days_of_orders
                UNION ALL
               SELECT session_id FROM parts_of_orders
           ) AS gone;
    RETURN removed;
END
$$;
COMMENT ON FUNCTION discard_rollups IS
'Removes what is kept of a session''s equity, trades and orders by hours and days: until roll_up has added it again, '
'its snapshots, trades and orders are read themselves. The number of rows. Raises AT404 for an unknown session.';

CREATE FUNCTION roll_up(session bigint, most_rows integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    before timestamptz;
    after timestamptz;
    added integer;
BEGIN
    PERFORM permitted();
    PERFORM existing_session(session);
    -- Writers of the session wait here.
    PERFORM FROM trading_sessions WHERE id = session FOR UPDATE;
    INSERT INTO equity_rolls (session_id) VALUES (session) ON CONFLICT (session_id) DO NOTHING;
    SELECT r.rolled_until INTO before FROM equity_rolls AS r WHERE r.session_id = session FOR NO KEY UPDATE;
    after := roll_equity(session, 'infinity', most_rows);
    SELECT coalesce(sum(s.snapshots), 0) INTO added
      FROM equity_spans AS s
     WHERE s.session_id = session
       AND s.hours = 1
       AND s.start_time >= coalesce(before, '-infinity')
       AND s.start_time < after;
    IF added = 0 THEN
        added := roll_trades(session, most_rows, TRUE);
    END IF;
    IF added = 0 THEN
        added := roll_orders(session, most_rows, TRUE);
    END IF;
    RETURN added;
END
$$;
COMMENT ON FUNCTION roll_up IS
'Adds what is missing in equity_spans, then in trade_days, then in order_days, of about most_rows rows; how many these '
'were, 0 = nothing is missing. Writers of the session are waited for. Raises AT404 for an unknown '
'session.';
