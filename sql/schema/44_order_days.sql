-- What the orders of each UTC day add up to, kept beside them, so that years are read by their days.
-- Days that are over are added now and then, many at once; a day whose orders change later is read by its orders until
-- it is added again.

CREATE TABLE order_days (
    session_id bigint NOT NULL,
    day timestamptz NOT NULL,
    orders integer NOT NULL,
    CONSTRAINT order_days_pkey PRIMARY KEY (session_id, day),
    CONSTRAINT order_days_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id)
);

CREATE TABLE order_day_parts (
    session_id bigint NOT NULL,
    kept_by text NOT NULL,
    day timestamptz NOT NULL,
    order_type order_type NOT NULL,
    strategy_name text NOT NULL,
    symbol text NOT NULL,
    orders integer NOT NULL,
    filled integer NOT NULL,
    partially_filled integer NOT NULL,
    cancelled integer NOT NULL,
    failed integer NOT NULL,
    expired integer NOT NULL,
    slipped integer NOT NULL,
    slippage numeric,
    worst_slippage numeric,
    slippage_cost numeric,
    commission numeric NOT NULL,
    newest_order timestamptz NOT NULL,
    newest_fill timestamptz,
    CONSTRAINT order_day_parts_pkey PRIMARY KEY (session_id, kept_by, day, order_type, strategy_name, symbol),
    CONSTRAINT order_day_parts_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id),
    CONSTRAINT order_day_parts_kept_by CHECK (kept_by IN ('order_type', 'all of them'))
);

COMMENT ON TABLE order_days IS
'Days of a session whose orders are added up in order_day_parts; the orders of all other days are read themselves.';
COMMENT ON COLUMN order_days.session_id IS 'Session that sent the orders.';
COMMENT ON COLUMN order_days.day IS 'First moment of the UTC day; orders count on the day they were journaled.';
COMMENT ON COLUMN order_days.orders IS 'Number of orders; 0 = some have changed since they were added up.';

COMMENT ON TABLE order_day_parts IS
'The orders of the days of order_days, added up by type, and by type, strategy and symbol; a row counts where its day '
'is in order_days.';
COMMENT ON COLUMN order_day_parts.session_id IS 'Session that sent the orders.';
COMMENT ON COLUMN order_day_parts.kept_by IS
'What the orders are divided by: order_type, strategy and symbol being empty, or all of them.';
COMMENT ON COLUMN order_day_parts.day IS 'First moment of the UTC day; orders count on the day they were journaled.';
COMMENT ON COLUMN order_day_parts.order_type IS 'What the orders do to their positions.';
COMMENT ON COLUMN order_day_parts.strategy_name IS 'Strategy that asked for them; empty for none.';
COMMENT ON COLUMN order_day_parts.symbol IS 'Instrument.';
COMMENT ON COLUMN order_day_parts.orders IS 'Number of orders.';
COMMENT ON COLUMN order_day_parts.filled IS 'Number of orders that are FILLED.';
COMMENT ON COLUMN order_day_parts.partially_filled IS 'Number of orders with fills that are not FILLED.';
COMMENT ON COLUMN order_day_parts.cancelled IS 'Number of orders that are CANCELLED.';
COMMENT ON COLUMN order_day_parts.failed IS 'Number of orders that are FAILED.';
COMMENT ON COLUMN order_day_parts.expired IS 'Number of orders that are EXPIRED; those left may still be filled.';
COMMENT ON COLUMN order_day_parts.slipped IS 'Number of orders with a requested and a filled price.';
COMMENT ON COLUMN order_day_parts.slippage IS
'Sum of their slippage, fractions of the requested price; NULL without one.';
COMMENT ON COLUMN order_day_parts.worst_slippage IS 'Largest slippage, a fraction; NULL without one.';
COMMENT ON COLUMN order_day_parts.slippage_cost IS 'Sum of slippage x price x filled quantity, in quote currency.';
COMMENT ON COLUMN order_day_parts.commission IS 'Sum of commission, in the session''s base currency.';
COMMENT ON COLUMN order_day_parts.newest_order IS 'When the newest of the orders was journaled.';
COMMENT ON COLUMN order_day_parts.newest_fill IS 'When the newest fill of them happened; NULL without one.';

CREATE FUNCTION measured_order_parts(session bigint, since timestamptz, until timestamptz) RETURNS SETOF order_day_parts
LANGUAGE sql STABLE AS $$
    SELECT session, CASE grouping(o.symbol) WHEN 0 THEN 'all of them' ELSE 'order_type' END, o.day, o.order_type,
           coalesce(o.strategy_name, ''), coalesce(o.symbol, ''), count(*)::integer,
           (count(*) FILTER (WHERE o.status = 'FILLED'))::integer,
           (count(*) FILTER (WHERE o.status <> 'FILLED' AND o.filled_quantity > 0))::integer,
           (count(*) FILTER (WHERE o.status = 'CANCELLED'))::integer,
           (count(*) FILTER (WHERE o.status = 'FAILED'))::integer,
           (count(*) FILTER (WHERE o.status = 'EXPIRED'))::integer,
           count(o.slippage)::integer, sum(o.slippage), max(o.slippage),
           sum(o.slippage * o.price * o.filled_quantity), sum(o.commission), max(o.created_at), max(o.filled_at)
      FROM (
               SELECT date_trunc('day', r.created_at, 'UTC') AS day, r.order_type, r.status, r.strategy_name::text,
                      r.symbol::text, r.price::numeric, r.filled_quantity::numeric, r.commission::numeric,
                      r.created_at::timestamptz, r.filled_at::timestamptz,
                      slippage(r.order_type, r.side, r.price, r.filled_price) AS slippage
                 FROM orders AS r
                WHERE r.session_id = session
                  AND r.created_at >= since
                  AND r.created_at < until
               OFFSET 0
           ) AS o
     GROUP BY GROUPING SETS ((o.day, o.order_type, o.strategy_name, o.symbol), (o.day, o.order_type))
$$;
COMMENT ON FUNCTION measured_order_parts IS
'What order_day_parts must say of a session''s days from the beginning of one to before another, computed from its '
'orders.';

CREATE FUNCTION kept_order_days(session bigint, since timestamptz, until timestamptz) RETURNS SETOF timestamptz
LANGUAGE sql STABLE AS $$
    SELECT d.day
      FROM public.order_days AS d
     WHERE d.session_id = session
       AND d.orders > 0
       AND d.day >= coalesce(since, '-infinity')
       AND d.day <= coalesce(until, 'infinity') - interval '24 hours'
$$;
COMMENT ON FUNCTION kept_order_days IS
'The days that order_day_parts has and that are whole between since and until; NULL does not limit.';

CREATE FUNCTION order_sums(
    session bigint, strategy text, instrument text, since timestamptz, until timestamptz
) RETURNS TABLE (
    order_type order_type, orders bigint, filled bigint, partially_filled bigint, cancelled bigint, failed bigint,
    expired bigint, slipped bigint, slippage numeric, worst_slippage numeric, slippage_cost numeric,
    commission numeric, newest_order timestamptz
)
LANGUAGE sql STABLE AS $$
    WITH kept AS MATERIALIZED (
        SELECT k.day
          FROM public.kept_order_days(session, since, until) AS k (day)
    )
    SELECT p.order_type, sum(p.orders), sum(p.filled), sum(p.partially_filled), sum(p.cancelled), sum(p.failed),
           sum(p.expired), sum(p.slipped), sum(p.slippage), max(p.worst_slippage), sum(p.slippage_cost),
           sum(p.commission), max(p.newest_order)
      FROM public.order_day_parts AS p
     WHERE p.session_id = session
       AND p.kept_by = CASE num_nonnulls(strategy, instrument) WHEN 0 THEN 'order_type' ELSE 'all of them' END
       AND p.day >= coalesce(since, '-infinity')
       AND p.day <= coalesce(until, 'infinity') - interval '24 hours'
       -- One stretch of the index, not a search for every day.
       AND (p.day IN (SELECT k.day FROM kept AS k)) IS TRUE
       AND (strategy IS NULL OR p.strategy_name = strategy)
       AND (instrument IS NULL OR p.symbol = instrument)
     GROUP BY p.order_type
     UNION ALL
    SELECT o.order_type, count(*),
           (count(*) FILTER (WHERE o.status = 'FILLED')),
           (count(*) FILTER (WHERE o.status <> 'FILLED' AND o.filled_quantity > 0)),
           (count(*) FILTER (WHERE o.status = 'CANCELLED')),
           (count(*) FILTER (WHERE o.status = 'FAILED')),
           (count(*) FILTER (WHERE o.status = 'EXPIRED')),
           count(o.slippage), sum(o.slippage), max(o.slippage),
           sum(o.slippage * o.price * o.filled_quantity), sum(o.commission), max(o.created_at)
      FROM (SELECT array_agg(k.day ORDER BY k.day) AS days FROM kept AS k) AS d
     CROSS JOIN LATERAL public.gaps(since, until, d.days) AS g
     CROSS JOIN LATERAL (
               SELECT r.order_type, r.status, r.price::numeric, r.filled_quantity::numeric, r.commission::numeric,
                      r.created_at::timestamptz,
                      public.slippage(r.order_type, r.side, r.price, r.filled_price) AS slippage
                 FROM public.orders AS r
                WHERE r.session_id = session
                  AND r.created_at >= g.first_moment
                  AND r.created_at < g.next_moment
                  AND (strategy IS NULL OR r.strategy_name = strategy)
                  AND r.symbol = coalesce(instrument, r.symbol)
               OFFSET 0
           ) AS o
     GROUP BY o.order_type
$$;
COMMENT ON FUNCTION order_sums IS
'A session''s orders added up by type, once those of the days that are kept, once the others.';

CREATE FUNCTION roll_orders(session bigint, most_orders integer, with_newest boolean) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    -- No order of the last hour is looked at when it changes.
    stop timestamptz := date_trunc('day', clock_timestamp() - interval '2 hours', 'UTC');
    gap record;
    full_at timestamptz;
    here integer;
    added integer := 0;
BEGIN
    PERFORM permitted();
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RETURN 0;
    END IF;
    IF NOT with_newest THEN
        SELECT least(stop, date_trunc('day', max(r.created_at::timestamptz), 'UTC')) INTO stop
          FROM orders AS r
         WHERE r.session_id = session;
    END IF;
    FOR gap IN
        SELECT date_trunc('day', f.created_at, 'UTC') AS day, g.next_moment
          FROM gaps(
                   NULL, stop,
                   (SELECT array_agg(k.day ORDER BY k.day) FROM kept_order_days(session, NULL, stop) AS k (day))
               ) AS g
         CROSS JOIN LATERAL (
                   SELECT r.created_at
                     FROM orders AS r
                    WHERE r.session_id = session
                      AND r.created_at >= g.first_moment
                      AND r.created_at < g.next_moment
                    ORDER BY r.created_at
                    LIMIT 1
               ) AS f
         ORDER BY f.created_at
    LOOP
        -- A transaction that has written something of the session, or changes one of its earlier orders, shares this lock.
        PERFORM FROM trading_sessions WHERE id = session FOR UPDATE SKIP LOCKED;
        EXIT WHEN NOT FOUND;
        SELECT date_trunc('day', r.created_at, 'UTC') INTO full_at
          FROM orders AS r
         WHERE r.session_id = session AND r.created_at >= gap.day AND r.created_at < gap.next_moment
         ORDER BY r.created_at
        OFFSET most_orders - added
         LIMIT 1;
        IF FOUND THEN
            gap.next_moment := greatest(full_at, gap.day + interval '24 hours');
        END IF;
        DELETE FROM order_day_parts WHERE session_id = session AND day >= gap.day AND day < gap.next_moment;
        DELETE FROM order_days WHERE session_id = session AND day >= gap.day AND day < gap.next_moment;
        INSERT INTO order_day_parts SELECT * FROM measured_order_parts(session, gap.day, gap.next_moment);
        WITH written AS (
            INSERT INTO order_days (session_id, day, orders)
            SELECT session, p.day, sum(p.orders)
              FROM order_day_parts AS p
             WHERE p.session_id = session AND p.kept_by = 'order_type' AND p.day >= gap.day AND p.day < gap.next_moment
             GROUP BY p.day
            RETURNING orders
        )
        SELECT coalesce(sum(w.orders), 0) INTO here FROM written AS w;
        added := added + here;
        EXIT WHEN added >= most_orders;
    END LOOP;
    RETURN added;
END
$$;
COMMENT ON FUNCTION roll_orders IS
'Adds up days of a session that are over for two hours in order_day_parts, oldest first, of about most_orders orders '
'at once, without with_newest not the newest, to which orders are still added; their number. While there is another '
'transaction that has written anything of the session, or for one that does not see what others have changed '
'meanwhile, nothing is done.';

CREATE FUNCTION forget_order_day(session bigint, moment timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF current_setting('transaction_isolation') = 'read committed' THEN
        DELETE FROM public.order_days WHERE session_id = session AND day = date_trunc('day', moment, 'UTC');
    ELSE
        -- Refused where the day was added up since this transaction's own view.
        INSERT INTO public.order_days (session_id, day, orders) VALUES (session, date_trunc('day', moment, 'UTC'), 0)
        ON CONFLICT (session_id, day) DO UPDATE SET orders = 0;
    END IF;
END
$$;
COMMENT ON FUNCTION forget_order_day IS
'The orders of the day of a moment are read themselves from now on. Its caller shares the session''s lock.';

CREATE FUNCTION keep_order_days() RETURNS trigger
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF new.created_at < clock_timestamp() - interval '1 hour' THEN
        PERFORM public.forget_order_day(new.session_id, new.created_at);
    END IF;
    IF hashint8(new.id) & 255 = 0 THEN
        PERFORM public.roll_orders(new.session_id, 2048, FALSE);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION keep_order_days IS 'Trigger of orders: keeps order_days.';

CREATE TRIGGER orders_kept AFTER INSERT ON orders
FOR EACH ROW WHEN (hashint8(new.id) & 255 = 0 OR new.created_at < clock_timestamp() - interval '1 hour')
EXECUTE FUNCTION keep_order_days();
COMMENT ON TRIGGER orders_kept ON orders IS
'Keeps order_days: the day of an order that is journaled late is read by its orders, and one in 256 adds up the days '
'that are over.';

CREATE FUNCTION correct_order_days() RETURNS trigger
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    -- Fills mostly follow at once: the first comparison settles it.
    IF old.status <> new.status
        OR old.filled_quantity <> new.filled_quantity
        OR old.filled_price IS DISTINCT FROM new.filled_price
        OR old.commission <> new.commission
        OR old.filled_at IS DISTINCT FROM new.filled_at
        OR old.price IS DISTINCT FROM new.price
        OR old.created_at <> new.created_at
        OR old.session_id <> new.session_id
        OR old.order_type <> new.order_type
        OR old.side <> new.side
        OR old.symbol <> new.symbol
        OR old.strategy_name IS DISTINCT FROM new.strategy_name
    THEN
        -- As an order that is added, by its foreign key.
        PERFORM FROM public.trading_sessions WHERE id IN (old.session_id, new.session_id) ORDER BY id FOR KEY SHARE;
        PERFORM public.forget_order_day(old.session_id, old.created_at);
        IF new.session_id <> old.session_id OR new.created_at <> old.created_at THEN
            PERFORM public.forget_order_day(new.session_id, new.created_at);
        END IF;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION correct_order_days IS
'Trigger of orders: the day of an order that changed later is read by its orders.';

CREATE TRIGGER orders_corrected AFTER UPDATE ON orders
FOR EACH ROW
WHEN (
    old.created_at < clock_timestamp() - interval '1 hour' OR new.created_at < clock_timestamp() - interval '1 hour'
)
EXECUTE FUNCTION correct_order_days();
COMMENT ON TRIGGER orders_corrected ON orders IS 'Keeps order_days.';

CREATE FUNCTION repair_order_days() RETURNS trigger
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM
       FROM public.trading_sessions AS s
      WHERE s.id IN (SELECT o.session_id FROM removed AS o)
      ORDER BY s.id
        FOR KEY SHARE;
    PERFORM public.forget_order_day(r.session_id, r.day)
       FROM (
                SELECT DISTINCT o.session_id, date_trunc('day', o.created_at, 'UTC') AS day FROM removed AS o
            ) AS r
      ORDER BY r.session_id, r.day;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION repair_order_days IS 'Trigger of orders: the days of removed orders are read by their orders.';

CREATE TRIGGER orders_removed AFTER DELETE ON orders
REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION repair_order_days();
COMMENT ON TRIGGER orders_removed ON orders IS 'Keeps order_days.';
