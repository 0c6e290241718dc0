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
LANGUAGE sql VOLATILE AS $$
    WITH session AS (
        INSERT INTO trading_sessions (
            session_name, mode, strategy_name, symbol, timeframe, exchange, base_currency, start_time,
            initial_balance, current_balance, ledger_entries, strategy_config, time_exit_config, market_timezone,
            is_verification, request_id, request_hash
        ) VALUES (
            coalesce(start_session.name, start_session.strategy_name || ' ' || start_session.symbol),
            start_session.mode, start_session.strategy_name, start_session.symbol, start_session.timeframe,
            start_session.exchange, start_session.base_currency, start_session.start_time,
            start_session.initial_balance, start_session.initial_balance, 1, start_session.strategy_config,
            start_session.time_exit_config, start_session.market_timezone,
            start_session.is_verification, start_session.request, start_session.content_hash
        )
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

CREATE FUNCTION claim_session(
    strategy label,
    traded symbol,
    candle label,
    source trade_source,
    venue label,
    engine label,
    max_age ttl_seconds,
    lease ttl_seconds,
    stale_after ttl_seconds,
    take_over boolean,
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
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    latest trading_sessions;
    hold session_holds;
    hold_before session_holds;
    known bigint;
BEGIN
    -- Of engines that claim the same session at once, one finds or creates it, and the others find it held.
    PERFORM pg_advisory_xact_lock(hashtextextended(
        jsonb_build_array(strategy, traded, candle, source, venue)::text, 423
    ));
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
    SELECT * INTO latest
      FROM trading_sessions AS s
     WHERE s.strategy_name = strategy AND s.symbol = traded AND s.timeframe = candle AND s.mode = source
       AND s.exchange IS NOT DISTINCT FROM venue
       AND NOT s.is_verification
       AND s.purge_started_at IS NULL
     ORDER BY s.start_time DESC, s.id DESC
     LIMIT 1
       FOR NO KEY UPDATE;
    SELECT * INTO hold_before FROM session_holds WHERE session_id = latest.id FOR NO KEY UPDATE;
    -- A session that is held is never too old: there would be two engines.
    IF hold_before.expires_at > clock_timestamp()
       OR last_sign_of_life(latest.id) >= clock_timestamp() - make_interval(secs => max_age::double precision) THEN
        IF hold_before.expires_at > clock_timestamp() AND (known IS NOT NULL OR NOT take_over) THEN
            PERFORM kept_hold(latest.id, request);
        END IF;
        hold.session_id := latest.id;
        hold.claim := CASE WHEN latest.end_time IS NULL THEN 'RESUMED' ELSE 'REOPENED' END;
        UPDATE trading_sessions
           SET end_time = NULL, final_balance = NULL, total_pnl = NULL, total_trades = NULL, win_rate = NULL,
               max_drawdown = NULL
         WHERE id = latest.id AND end_time IS NOT NULL;
    ELSE
        hold.claim := 'CREATED';
        hold.session_id := start_session(
            name, source, strategy, traded, candle, venue, currency, asked, opening, config, time_exits, market, FALSE,
            request, content_hash
        );
    END IF;
    hold.expired_orders := expire_stale_orders(
        hold.session_id, clock_timestamp() - make_interval(secs => stale_after::double precision), clock_timestamp()
    );
    INSERT INTO session_holds AS h (
        session_id, holder, token, claim, expired_orders, asked_at, acquired_at, renewed_at, expires_at, request_hash
    )
    SELECT hold.session_id, engine, request, hold.claim, hold.expired_orders, asked, moment, moment,
           moment + make_interval(secs => lease::double precision), content_hash
      FROM clock_timestamp() AS moment
    ON CONFLICT (session_id) DO UPDATE
       SET holder = excluded.holder, token = excluded.token, claim = excluded.claim,
           expired_orders = excluded.expired_orders, asked_at = excluded.asked_at,
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
                'expired_orders', hold.expired_orders
            ),
            'restart', request, content_hash
        )
        ON CONFLICT (request_id) DO NOTHING;
    END IF;
    RETURN hold;
END
$$;
COMMENT ON FUNCTION claim_session IS
'Holds the newest session of a strategy, symbol, timeframe, mode and exchange that showed a sign of life within '
'max_age seconds, reopened if it had ended; else starts one. Expires its stale orders and records an ENGINE_RESUME '
'event. The hold. Raises AT423 when another engine holds it and is not to be taken over.';

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
    unresolved_orders integer
)
LANGUAGE sql VOLATILE AS $$
    SELECT s.current_balance, s.initial_balance, s.start_time,
           coalesce(
               (SELECT max(a.equity) FROM account_history AS a WHERE a.session_id = s.id), m.peak_balance,
               s.initial_balance
           ),
           d.timestamp, d.balance, d.equity,
           (SELECT count(*) FROM positions AS p WHERE p.session_id = s.id AND p.status = 'OPEN')::integer,
           (
               SELECT count(*)
                 FROM orders AS o
                WHERE o.session_id = s.id AND o.status IN ('PENDING', 'OPEN', 'PARTIALLY_FILLED', 'UNKNOWN')
           )::integer
      FROM trading_sessions AS s
      LEFT JOIN performance_metrics AS m ON m.session_id = s.id AND m.period = 'ALL_TIME'
      LEFT JOIN LATERAL (
               SELECT a.timestamp, a.balance, a.equity
                 FROM account_history AS a
                WHERE a.session_id = s.id
                  AND a.timestamp >= date_trunc('day', clock_timestamp(), 'UTC')
                ORDER BY a.timestamp, a.id
                LIMIT 1
           ) AS d ON TRUE
     WHERE s.id = held
$$;
COMMENT ON FUNCTION held_state IS
'What an engine needs to go on with a session: its balance, the highest equity so far (of its snapshots, else of its '
'balance after trades), the first snapshot of the present UTC day, and how many positions and orders are open. '
'VOLATILE, so that a statement sees what it has just claimed.';
