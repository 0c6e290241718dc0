-- How a session is started, and how an engine takes one up again without loss.

CREATE FUNCTION start_session(
    name label,
    mode trade_source,
    strategy_name label,
    symbol symbol,
    timeframe label,
    exchange label,
    base_currency label,
    start_time instant,
    initial_balance amount,
    strategy_config document,
    time_exit_config document,
    market_timezone label,
    is_verification boolean,
    request uuid,
    content_hash bigint
) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH session AS (
        INSERT INTO trading_sessions (
            session_name, mode, strategy_name, symbol, timeframe, exchange, base_currency, start_time,
            initial_balance, current_balance, ledger_entries, strategy_config, time_exit_config, market_timezone,
            is_verification, request_id, request_hash
        )
        SELECT coalesce(start_session.name, start_session.strategy_name || ' ' || start_session.symbol),
               start_session.mode, start_session.strategy_name, start_session.symbol, start_session.timeframe,
               start_session.exchange, start_session.base_currency, start_session.start_time,
               start_session.initial_balance, start_session.initial_balance, 1, start_session.strategy_config,
               start_session.time_exit_config, start_session.market_timezone,
               start_session.is_verification, start_session.request, start_session.content_hash
         WHERE permitted()
        ON CONFLICT (request_id) DO UPDATE
           SET request_id = CASE trading_sessions.request_hash
                   WHEN excluded.request_hash THEN excluded.request_id
                   ELSE refuse_request(excluded.request_id)
               END
        RETURNING id, session_name, start_time, initial_balance, base_currency, strategy_name, symbol, timeframe, mode,
                  request_id, request_hash, xmax = 0 AS inserted
    ), entry AS (
        INSERT INTO account_balances (
            session_id, entry_number, entry_type, previous_balance, amount, delta, total_balance, base_currency,
            update_reason, updated_by, last_updated, request_id, request_hash
        )
        SELECT id, 1, 'INITIAL', 0, initial_balance, initial_balance, initial_balance, base_currency,
               'session start', 'engine', start_time, request_id, request_hash
          FROM session
         WHERE inserted
    ), event AS (
        INSERT INTO system_events (
            session_id, timestamp, event_type, severity, message, details, request_id, request_hash
        )
        SELECT id, start_time, 'ENGINE_START', 'INFO', 'Session started: ' || session_name,
               jsonb_build_object(
                   'strategy_name', strategy_name, 'symbol', symbol, 'timeframe', timeframe, 'mode', mode,
                   'initial_balance', initial_balance::text
               ),
               request_id, request_hash
          FROM session
         WHERE inserted
    )
    SELECT id
      FROM session
$$;
COMMENT ON FUNCTION start_session IS
'Starts a session: its row, the first ledger entry and the ENGINE_START event; its id, also of the session that the '
'request started before. Raises AT412 when that request had other content.';

CREATE FUNCTION finish_session(session bigint, at timestamptz) RETURNS SETOF trading_sessions
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM permitted();
    RETURN QUERY
    UPDATE trading_sessions AS s
       -- The clock may have been set back since the start: an end is recorded whatever it shows.
       SET end_time = greatest(s.start_time, at),
           final_balance = s.current_balance,
           (total_pnl, total_trades, win_rate, max_drawdown) = (
               SELECT f.total_pnl, f.total_trades, f.win_rate, f.max_drawdown
                 FROM final_figures(s.id) AS f
           )
     WHERE s.id = session
       AND s.end_time IS NULL
    RETURNING s.*;
END
$$;
COMMENT ON FUNCTION finish_session IS
'Ends a session with its final figures; the session as it is then, no row when it had ended or does not exist.';

CREATE FUNCTION last_sign_of_life(session bigint) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT greatest(
               s.start_time,
               s.end_time,
               (SELECT h.renewed_at FROM session_holds AS h WHERE h.session_id = s.id),
               (
                   SELECT l.last_updated
                     FROM account_balances AS l
                    WHERE l.session_id = s.id AND l.entry_number = s.ledger_entries
               ),
               (SELECT max(a.timestamp) FROM account_history AS a WHERE a.session_id = s.id),
               (SELECT max(e.timestamp) FROM system_events AS e WHERE e.session_id = s.id),
               (SELECT max(x.timestamp) FROM strategy_executions AS x WHERE x.session_id = s.id)
           )
      FROM trading_sessions AS s
     WHERE s.id = session
$$;
COMMENT ON FUNCTION last_sign_of_life IS
'When a session last showed that its engine was alive: the newest of its start, its end, its hold''s renewal, its '
'newest ledger entry, snapshot, event and decision.';

CREATE FUNCTION awaits_engine(session bigint) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT NOT EXISTS (SELECT FROM session_holds AS h WHERE h.session_id = session)
       AND EXISTS (
               -- The rows of sessions themselves: a few of each source, found by its primary key.
               SELECT FROM import_sources AS c
                 JOIN imported_rows AS r ON r.source_id = c.id AND r.source_table IN ('(book)', 'trading_sessions')
                WHERE r.target_table = 'trading_sessions'
                  AND r.target_id = session
                  AND r.imported_at >= last_sign_of_life(session)
           )
$$;
COMMENT ON FUNCTION awaits_engine IS
'Whether a session was only imported: no engine has ever held it, and nothing in it is newer than its import.';

CREATE FUNCTION open_business(session bigint) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    held integer;
    unresolved integer;
BEGIN
    SELECT count(*) INTO held FROM positions AS p WHERE p.session_id = session AND p.status = 'OPEN';
    SELECT count(*) INTO unresolved
      FROM (
               SELECT o.id
                 FROM orders AS o
                WHERE o.session_id = session AND o.status IN ('PENDING', 'OPEN', 'PARTIALLY_FILLED', 'UNKNOWN')
                UNION
               SELECT u.order_id FROM unbooked_orders(session) AS u
           ) AS o;
    RETURN nullif(concat_ws(
        ' and ',
        held || CASE held WHEN 0 THEN NULL WHEN 1 THEN ' open position' ELSE ' open positions' END,
        unresolved || CASE unresolved WHEN 0 THEN NULL WHEN 1 THEN ' unresolved order' ELSE ' unresolved orders' END
    ), '');
END
$$;
COMMENT ON FUNCTION open_business IS
'What a session leaves open, in words: its open positions, and its orders that may still be filled or whose fills '
'are in no position; NULL when there is nothing.';

CREATE FUNCTION equity_peak(session bigint) RETURNS numeric
LANGUAGE plpgsql STABLE AS $$
DECLARE
    peak numeric;
BEGIN
    -- A transfer moves the peak along: what was deposited is no gain, what was withdrawn no loss.
    SELECT max(p.high - p.transferred) INTO peak FROM equity_parts(session, NULL, NULL, '{}', '{}') AS p;
    SELECT s.transferred + coalesce(
               peak,
               (
                   SELECT m.peak_balance
                     FROM performance_metrics AS m
                    WHERE m.session_id = s.id AND m.period = 'ALL_TIME'
               ),
               s.initial_balance
           ) INTO peak
      FROM trading_sessions AS s
     WHERE s.id = session;
    RETURN peak;
END
$$;
COMMENT ON FUNCTION equity_peak IS
'The highest equity of a session''s snapshots so far, without any of its balance after trades, in base currency; '
'deposits and withdrawals since then are added, so that a withdrawal makes no drawdown.';

CREATE FUNCTION found_session(
    strategy text,
    traded text,
    candle text,
    source trade_source,
    venue text,
    max_age numeric,
    despite_open boolean
) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    chosen bigint;
BEGIN
    -- The newest under this very exchange first, then the newest where either side does not say which it is.
    SELECT c.id INTO chosen
      FROM (
               SELECT DISTINCT ON (s.exchange IS NOT DISTINCT FROM venue)
                      s.id, s.exchange IS NOT DISTINCT FROM venue AS is_same
                 FROM trading_sessions AS s
                WHERE s.strategy_name = strategy AND s.symbol = traded AND s.timeframe = candle AND s.mode = source
                  AND (s.exchange IS NOT DISTINCT FROM venue OR s.exchange IS NULL OR venue IS NULL)
                  AND NOT s.is_verification
                  AND s.purge_started_at IS NULL
                ORDER BY s.exchange IS NOT DISTINCT FROM venue, s.start_time DESC, s.id DESC
           ) AS c
      LEFT JOIN session_holds AS h ON h.session_id = c.id
     -- A session that is held is never too old: there would be two engines.
     WHERE h.expires_at > clock_timestamp()
        OR last_sign_of_life(c.id) >= clock_timestamp() - make_interval(secs => max_age::double precision)
     ORDER BY c.is_same DESC
     LIMIT 1;
    IF chosen IS NULL AND NOT despite_open THEN
        SELECT s.id INTO chosen
          FROM trading_sessions AS s
         WHERE s.strategy_name = strategy AND s.symbol = traded AND s.timeframe = candle AND s.mode = source
           AND (s.exchange IS NOT DISTINCT FROM venue OR s.exchange IS NULL OR venue IS NULL)
           AND NOT s.is_verification
           AND s.purge_started_at IS NULL
           AND open_business(s.id) IS NOT NULL
         ORDER BY s.start_time DESC, s.id DESC
         LIMIT 1;
    END IF;
    RETURN chosen;
END
$$;
COMMENT ON FUNCTION found_session IS
'The session that an engine carries on: the newest of its strategy, symbol, timeframe, mode and exchange that is '
'held or showed a sign of life within max_age seconds; else, unless despite_open, the newest that leaves something '
'open, however old. An exchange that is NULL on either side is any. NULL when there is none.';

CREATE FUNCTION refuse_to_strand(strategy text, traded text, candle text, source trade_source, venue text) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    stranded text;
BEGIN
    SELECT string_agg(w.what, '; ' ORDER BY w.id) INTO stranded
      FROM (
               SELECT s.id,
                      format(
                          'session %s (timeframe %s, exchange %s) has %s',
                          s.id, s.timeframe, coalesce(s.exchange, 'not given'), open_business(s.id)
                      ) AS what
                 FROM trading_sessions AS s
                WHERE s.strategy_name = strategy AND s.symbol = traded AND s.mode = source
                  AND NOT s.is_verification
                  AND s.purge_started_at IS NULL
                  AND open_business(s.id) IS NOT NULL
                UNION ALL
               -- A session may trade more than its own symbol, for more than its own strategy.
               SELECT s.id,
                      format(
                          'session %s (strategy %s, symbol %s) holds position %s of %s in %s',
                          s.id, s.strategy_name, s.symbol, string_agg(p.id::text, ', ' ORDER BY p.id), strategy, traded
                      )
                 FROM positions AS p
                 JOIN trading_sessions AS s ON s.id = p.session_id
                WHERE p.status = 'OPEN' AND p.strategy_name = strategy AND p.symbol = traded AND s.mode = source
                  AND (s.strategy_name, s.symbol) IS DISTINCT FROM (strategy, traded)
                  AND NOT s.is_verification
                  AND s.purge_started_at IS NULL
                GROUP BY s.id
           ) AS w;
    IF stranded IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'session_id',
            MESSAGE = format(
                '%s: carry one on with session_id, move its positions to another session, close them there, or start '
                'beside it with despite_open_positions', stranded
            );
    END IF;
END
$$;
COMMENT ON FUNCTION refuse_to_strand IS
'Raises AT409, which names them, when sessions of the strategy, symbol and mode, of whatever timeframe and exchange, '
'leave something open that a new session would not know of, or other sessions of the mode hold open positions of that '
'strategy in that symbol.';

CREATE FUNCTION refuse_session(wanted bigint, strategy text, traded text, source trade_source) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    s trading_sessions;
BEGIN
    SELECT * INTO s FROM trading_sessions WHERE id = existing_session(wanted);
    IF (s.strategy_name::text, s.symbol::text, s.mode) <> (strategy, traded, source) THEN
        RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'session_id',
            MESSAGE = format('session %s trades %s by %s, %s', s.id, s.symbol, s.strategy_name, s.mode);
    ELSIF s.is_verification OR s.purge_started_at IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'session_id',
            MESSAGE = format(
                'session %s %s', s.id,
                CASE WHEN s.is_verification THEN 'only shows that recording works' ELSE 'is being removed' END
            );
    END IF;
END
$$;
COMMENT ON FUNCTION refuse_session IS
'Raises AT409 when the session is of another strategy, symbol or mode, or none to trade in; AT404 when there is none.';

CREATE FUNCTION claim_session(
    strategy label,
    traded symbol,
    candle label,
    source trade_source,
    venue label,
    wanted bigint,
    engine label,
    max_age ttl_seconds,
    lease ttl_seconds,
    take_over boolean,
    despite_open boolean,
    name label,
    currency label,
    opening amount,
    config document,
    time_exits document,
    market label,
    asked instant,
    request uuid,
    content_hash bigint
) RETURNS session_holds
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    latest trading_sessions;
    hold session_holds;
    hold_before session_holds;
    known bigint;
BEGIN
    PERFORM permitted();
    -- Of engines that claim the same session at once, one finds or creates it, and the others find it held.
    -- A lock that nobody can take who only reads, and that no order or flag waits for but one that is being raised.
    LOCK TABLE deployment IN SHARE UPDATE EXCLUSIVE MODE;
    SELECT * INTO hold FROM session_holds WHERE token = request;
    IF FOUND THEN
        IF hold.request_hash <> content_hash THEN
            PERFORM refuse_request(request);
        END IF;
        RETURN hold;
    END IF;
    -- A request that is repeated after its hold was lost takes nothing over once more.
    SELECT e.request_hash INTO known FROM system_events AS e WHERE e.request_id = request;
    IF known <> content_hash THEN
        PERFORM refuse_request(request);
    END IF;
    IF wanted IS NOT NULL THEN
        PERFORM refuse_session(wanted, strategy, traded, source);
        hold.session_id := wanted;
    ELSE
        hold.session_id := found_session(strategy, traded, candle, source, venue, max_age, despite_open);
    END IF;
    IF hold.session_id IS NULL THEN
        IF NOT despite_open THEN
            PERFORM refuse_to_strand(strategy, traded, candle, source, venue);
        END IF;
        hold.claim := 'CREATED';
        hold.session_id := start_session(
            name, source, strategy, traded, candle, venue, currency, asked, opening, config, time_exits, market, FALSE,
            request, content_hash
        );
    ELSE
        IF known IS NOT NULL OR NOT take_over THEN
            PERFORM refuse_held(hold.session_id, request);
        END IF;
        -- The hold alone: a command of the engine that has it may still have to lock the session.
        SELECT * INTO latest FROM trading_sessions WHERE id = hold.session_id;
        IF latest.end_time IS NOT NULL THEN
            PERFORM FROM trading_sessions WHERE id = hold.session_id FOR NO KEY UPDATE;
        END IF;
        -- Waits for what its engine is writing; whatever that engine writes afterwards is refused.
        SELECT * INTO hold_before FROM session_holds WHERE session_id = hold.session_id FOR UPDATE;
        IF known IS NOT NULL OR NOT take_over THEN
            PERFORM refuse_held(hold.session_id, request);
        END IF;
        SELECT * INTO latest FROM trading_sessions WHERE id = hold.session_id;
        hold.claim := CASE WHEN latest.end_time IS NULL THEN 'RESUMED' ELSE 'REOPENED' END;
        UPDATE trading_sessions
           SET end_time = NULL, final_balance = NULL, total_pnl = NULL, total_trades = NULL, win_rate = NULL,
               max_drawdown = NULL
         WHERE id = hold.session_id AND end_time IS NOT NULL;
    END IF;
    INSERT INTO session_holds AS h (
        session_id, holder, token, claim, asked_at, acquired_at, renewed_at, expires_at, request_hash
    )
    SELECT hold.session_id, engine, request, hold.claim, asked, moment, moment,
           moment + make_interval(secs => lease::double precision), content_hash
      FROM clock_timestamp() AS moment
    ON CONFLICT (session_id) DO UPDATE
       SET holder = excluded.holder, token = excluded.token, claim = excluded.claim, asked_at = excluded.asked_at,
           acquired_at = excluded.acquired_at, renewed_at = excluded.renewed_at, expires_at = excluded.expires_at,
           request_hash = excluded.request_hash
    RETURNING * INTO hold;
    IF hold.claim <> 'CREATED' THEN
        INSERT INTO system_events (
            session_id, timestamp, event_type, severity, message, details, component, request_id, request_hash
        ) VALUES (
            hold.session_id, asked, 'ENGINE_RESUME', 'INFO',
            format('Session %s by %s', lower(hold.claim::text), engine),
            jsonb_build_object(
                'claim', hold.claim, 'holder', engine, 'previous_holder', hold_before.holder,
                'ended_at', latest.end_time, 'balance', latest.current_balance::text,
                'open', open_business(hold.session_id)
            ),
            'restart', request, content_hash
        )
        ON CONFLICT (request_id) DO NOTHING;
    END IF;
    RETURN hold;
END
$$;
COMMENT ON FUNCTION claim_session IS
'Holds the session that an engine carries on (found_session, or the wanted one), reopened if it had ended, with an '
'ENGINE_RESUME event; else starts one. No order changes by it. The hold. Raises AT423 when another engine holds the '
'session and is not to be taken over, AT409 when a new session would leave open positions or orders behind, unless '
'despite_open.';

CREATE FUNCTION held_state(held bigint)
RETURNS TABLE (
    balance numeric,
    initial_balance numeric,
    start_time timestamptz,
    equity_peak numeric,
    day_start_time timestamptz,
    day_start_balance numeric,
    day_start_equity numeric,
    open_positions integer,
    unresolved_orders integer,
    timeframe text,
    exchange text
)
LANGUAGE sql VOLATILE AS $$
    SELECT s.current_balance, s.initial_balance, s.start_time, equity_peak(s.id), d.timestamp,
           d.balance + s.transferred - d.transferred, d.equity + s.transferred - d.transferred,
           (SELECT count(*) FROM positions AS p WHERE p.session_id = s.id AND p.status = 'OPEN')::integer,
           (
               SELECT count(*)
                 FROM orders AS o
                WHERE o.session_id = s.id AND o.status IN ('PENDING', 'OPEN', 'PARTIALLY_FILLED', 'UNKNOWN')
           )::integer,
           s.timeframe, s.exchange
      FROM trading_sessions AS s
      LEFT JOIN LATERAL (
               SELECT a.timestamp, a.balance, a.equity, t.transferred
                 FROM account_history AS a
                 JOIN transfer_spans(s.id) AS t ON a.timestamp >= t.valid_from AND a.timestamp < t.valid_until
                WHERE a.session_id = s.id
                  -- One moment, by which the index finds it.
                  AND a.timestamp >= (SELECT date_trunc('day', clock_timestamp(), 'UTC'))
                ORDER BY a.timestamp, a.id
                LIMIT 1
           ) AS d ON TRUE
     WHERE s.id = held
$$;
COMMENT ON FUNCTION held_state IS
'What an engine needs to go on with a session: its balance, its peak (equity_peak), the first snapshot of the '
'present UTC day with the transfers since then added, how many positions and orders are open, and on which timeframe '
'and exchange. VOLATILE, so that a statement sees what it has just claimed.';
