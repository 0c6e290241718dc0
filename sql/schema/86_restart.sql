-- Restart without loss: who works on a session, how it is taken up again, and the fills of its orders one by one.

CREATE TYPE session_claim AS ENUM ('CREATED', 'RESUMED', 'REOPENED');
COMMENT ON TYPE session_claim IS
'How an engine came by its session: CREATED = a new one, RESUMED = one that had not ended, REOPENED = one that had.';

CREATE TABLE session_holds (
    session_id bigint NOT NULL,
    holder label NOT NULL,
    token uuid NOT NULL,
    claim session_claim NOT NULL,
    expired_orders counter NOT NULL,
    asked_at instant NOT NULL,
    acquired_at instant NOT NULL,
    renewed_at instant NOT NULL,
    expires_at instant NOT NULL,
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT session_holds_pkey PRIMARY KEY (session_id),
    CONSTRAINT session_holds_token_key UNIQUE (token),
    CONSTRAINT session_holds_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id),
    CONSTRAINT session_holds_expires_later CHECK (expires_at >= renewed_at)
) WITH (fillfactor = 50);

COMMENT ON TABLE session_holds IS
'Which engine works on a session, or was the last to: at most one at a time. A hold is a lease by the server''s clock, '
'renewed by its engine; it needs no connection of its own, and a dead engine''s hold is free once it has expired.';
COMMENT ON COLUMN session_holds.session_id IS 'Session that is held.';
COMMENT ON COLUMN session_holds.holder IS 'Name of the engine.';
COMMENT ON COLUMN session_holds.token IS 'Proves the hold: the request_id of the claim.';
COMMENT ON COLUMN session_holds.claim IS 'How the engine came by the session.';
COMMENT ON COLUMN session_holds.expired_orders IS 'Number of stale orders that the claim expired.';
COMMENT ON COLUMN session_holds.asked_at IS
'When the engine last claimed or renewed, by its clock; the same moment again is the same renewal again.';
COMMENT ON COLUMN session_holds.acquired_at IS 'When the session was claimed, by the server''s clock.';
COMMENT ON COLUMN session_holds.renewed_at IS 'When the hold was last renewed, by the server''s clock.';
COMMENT ON COLUMN session_holds.expires_at IS
'From when on another engine may claim the session, by the server''s clock; a release brings it forward.';
COMMENT ON COLUMN session_holds.request_hash IS
'Hash of the claim''s content; the same request_id with another hash is refused.';

-- Read by claim_session, to find the newest session of an engine.
CREATE INDEX trading_sessions_identity_idx
ON trading_sessions (strategy_name, symbol, timeframe, mode, start_time, id);

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
            session_id, entry_number, entry_type, previous_balance, delta, total_balance, base_currency,
            update_reason, updated_by, last_updated, request_id, request_hash
        )
        SELECT id, 1, 'INITIAL', 0, initial_balance, initial_balance, base_currency,
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

CREATE FUNCTION expire_stale_orders(session bigint, before timestamptz, expired_at timestamptz) RETURNS integer
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    expired integer;
BEGIN
    UPDATE orders
       SET status = 'EXPIRED', cancelled_at = expired_at, last_update = expired_at,
           failure_reason = 'stale: still PENDING since ' || created_at
     WHERE session_id = session
       AND status = 'PENDING'
       AND created_at < before;
    -- Counted by their time, so that a repeated request tells the same.
    SELECT count(*) INTO expired
      FROM orders
     WHERE session_id = session AND status = 'EXPIRED' AND cancelled_at = expired_at;
    RETURN expired;
END
$$;
COMMENT ON FUNCTION expire_stale_orders IS
'Expires a session''s orders that are PENDING and were journaled before a moment; how many were expired at '
'expired_at. What the exchange may know (OPEN, PARTIALLY_FILLED, UNKNOWN) is left to reconciliation.';

CREATE FUNCTION kept_hold(session bigint, own_token uuid) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    hold session_holds;
BEGIN
    SELECT * INTO hold FROM session_holds WHERE session_id = session;
    IF hold.session_id IS NULL THEN
        PERFORM existing_session(session);
        RAISE EXCEPTION USING ERRCODE = 'AT423', COLUMN = 'token',
            MESSAGE = format('session %s is held by nobody; claim it again', session);
    END IF;
    IF hold.token <> own_token THEN
        RAISE EXCEPTION USING ERRCODE = 'AT423', COLUMN = 'session_id',
            MESSAGE = format(
                'session %s is held by %s since %s, until %s', session, hold.holder, hold.acquired_at, hold.expires_at
            );
    END IF;
    RETURN hold.expires_at;
END
$$;
COMMENT ON FUNCTION kept_hold IS
'Until when the token''s hold on a session lasts; raises AT423, which names the engine that holds it instead, or AT404 '
'when there is no such session. VOLATILE, so that a statement which waited for a claim sees it.';

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

CREATE TABLE order_fills (
    id bigint GENERATED ALWAYS AS IDENTITY,
    order_id bigint NOT NULL,
    exchange_fill_id label NOT NULL,
    quantity quantity NOT NULL,
    price price NOT NULL,
    commission amount NOT NULL,
    filled_at instant NOT NULL,
    CONSTRAINT order_fills_pkey PRIMARY KEY (id),
    CONSTRAINT order_fills_exchange_fill_id_key UNIQUE (order_id, exchange_fill_id),
    CONSTRAINT order_fills_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders (id)
);

COMMENT ON TABLE order_fills IS 'Executions of orders, one by one as the exchange reports them; append-only.';
COMMENT ON COLUMN order_fills.id IS 'Identifier.';
COMMENT ON COLUMN order_fills.order_id IS 'Order that was filled.';
COMMENT ON COLUMN order_fills.exchange_fill_id IS 'The exchange''s identifier of the execution; once per order.';
COMMENT ON COLUMN order_fills.quantity IS 'Executed quantity, in units of the base asset.';
COMMENT ON COLUMN order_fills.price IS 'Execution price, in quote currency.';
COMMENT ON COLUMN order_fills.commission IS
'Fee of the execution, in the session''s base currency; negative for a rebate.';
COMMENT ON COLUMN order_fills.filled_at IS 'When it was executed, by the exchange''s clock.';

CREATE FUNCTION filled_after(known orders, state order_status, told numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(told, CASE state WHEN 'FILLED' THEN known.quantity ELSE known.filled_quantity END)
$$;
COMMENT ON FUNCTION filled_after IS
'What an order has filled once it is told to be in a state: the quantity that was told with it, else all of a FILLED '
'one, else what it had.';

CREATE FUNCTION refuse_fill(order_number bigint, fill text) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'exchange_fill_id',
        MESSAGE = format('fill %s of order %s is recorded with other figures', fill, order_number);
END
$$;
COMMENT ON FUNCTION refuse_fill IS 'Raises AT409: the fill is known with other figures. Never returns.';

CREATE FUNCTION refuse_link(order_number bigint) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    found orders;
BEGIN
    SELECT * INTO found FROM orders WHERE id = existing_order(order_number);
    RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'position_id',
        MESSAGE = format('order %s belongs to position %s', found.id, found.position_id);
END
$$;
COMMENT ON FUNCTION refuse_link IS
'Raises AT409: the order belongs to another position; AT404 when there is no such order. Never returns.';

CREATE TRIGGER order_fills_append_only BEFORE UPDATE OF quantity, price, commission, filled_at, order_id ON order_fills
FOR EACH ROW EXECUTE FUNCTION refuse_change();
COMMENT ON TRIGGER order_fills_append_only ON order_fills IS 'What the exchange executed does not change.';
