-- Retention: a session whose rows are being removed is not taken up again.

ALTER TABLE trading_sessions ADD COLUMN purge_started_at instant;
-- The table is small, and the column is empty.
-- squawk-ignore constraint-missing-not-valid
ALTER TABLE trading_sessions ADD CONSTRAINT trading_sessions_purged_when_ended CHECK (
    purge_started_at IS NULL OR end_time IS NOT NULL
);
COMMENT ON COLUMN trading_sessions.purge_started_at IS
'Since when the session''s rows are being removed for good; it is not taken up again, and its books need not balance.';

CREATE OR REPLACE FUNCTION claim_session(
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
