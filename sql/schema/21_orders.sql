-- Orders: what was asked of the exchange, and how far it was carried out.

CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY,
    session_id bigint NOT NULL,
    position_id bigint,
    order_type order_type NOT NULL,
    status order_status NOT NULL,
    symbol symbol NOT NULL,
    side position_side NOT NULL,
    quantity quantity NOT NULL,
    price price,
    filled_quantity nonnegative NOT NULL DEFAULT 0,
    filled_price price,
    commission amount NOT NULL DEFAULT 0,
    recorded_quantity nonnegative NOT NULL DEFAULT 0,
    recorded_notional nonnegative NOT NULL DEFAULT 0,
    recorded_commission amount NOT NULL DEFAULT 0,
    exchange_order_id label,
    internal_order_id label,
    strategy_name label,
    target_level integer,
    size_fraction size,
    failure_reason prose,
    created_at instant NOT NULL,
    filled_at instant,
    cancelled_at instant,
    last_update instant NOT NULL,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT orders_pkey PRIMARY KEY (id),
    CONSTRAINT orders_request_id_key UNIQUE (request_id),
    CONSTRAINT orders_exchange_order_id_key UNIQUE (session_id, symbol, exchange_order_id),
    CONSTRAINT orders_internal_order_id_key UNIQUE (session_id, internal_order_id),
    CONSTRAINT orders_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id),
    CONSTRAINT orders_position_id_fkey FOREIGN KEY (position_id, session_id) REFERENCES positions (id, session_id),
    CONSTRAINT orders_fill_within_quantity CHECK (filled_quantity <= quantity),
    CONSTRAINT orders_fill_has_price CHECK (filled_quantity = 0 OR filled_price IS NOT NULL),
    CONSTRAINT orders_filled_completely CHECK (
        status <> 'FILLED' OR (filled_quantity = quantity AND filled_at IS NOT NULL)
    ),
    CONSTRAINT orders_partially_filled CHECK (
        status <> 'PARTIALLY_FILLED' OR (filled_quantity > 0 AND filled_quantity < quantity)
    ),
    CONSTRAINT orders_pending_unfilled CHECK (status <> 'PENDING' OR filled_quantity = 0),
    CONSTRAINT orders_recorded_within_filled CHECK (recorded_quantity <= filled_quantity),
    CONSTRAINT orders_target_level_nonnegative CHECK (target_level >= 0)
) WITH (fillfactor = 90);

CREATE INDEX orders_position_id_idx ON orders (position_id);
CREATE INDEX orders_pending_idx ON orders (session_id, created_at, id)
WHERE status IN ('PENDING', 'OPEN', 'PARTIALLY_FILLED', 'UNKNOWN');
-- Read by get_failed_orders.
CREATE INDEX orders_failed_idx ON orders (session_id, created_at, id) WHERE status = 'FAILED';

COMMENT ON TABLE orders IS 'Orders, journaled before they are sent to the exchange; final states are final.';
COMMENT ON COLUMN orders.id IS 'Identifier.';
COMMENT ON COLUMN orders.session_id IS 'Session that sends the order.';
COMMENT ON COLUMN orders.position_id IS
'Position that the order belongs to, of the same session; NULL until the position exists.';
COMMENT ON COLUMN orders.order_type IS 'What the order does to its position.';
COMMENT ON COLUMN orders.status IS 'State; moves forward only.';
COMMENT ON COLUMN orders.symbol IS 'Instrument.';
COMMENT ON COLUMN orders.side IS
'Side of the position that the order belongs to: an exit of a LONG position is LONG too.';
COMMENT ON COLUMN orders.quantity IS 'Requested quantity, in units of the base asset.';
COMMENT ON COLUMN orders.price IS 'Requested price, in quote currency; NULL for a market order.';
COMMENT ON COLUMN orders.filled_quantity IS
'Filled so far, in units of the base asset; never shrinks, never exceeds quantity.';
COMMENT ON COLUMN orders.filled_price IS 'Average price of the fills, in quote currency.';
COMMENT ON COLUMN orders.commission IS
'Fees charged for the fills, in the session''s base currency; negative for a rebate.';
COMMENT ON COLUMN orders.recorded_quantity IS
'Sum of the fills in order_fills, in units of the base asset; less than filled_quantity while fills were told in total '
'only.';
COMMENT ON COLUMN orders.recorded_notional IS 'Sum of quantity x price of the fills in order_fills, in quote currency.';
COMMENT ON COLUMN orders.recorded_commission IS
'Sum of the fees of the fills in order_fills, in the session''s base currency.';
COMMENT ON COLUMN orders.exchange_order_id IS 'The exchange''s identifier; once per session and symbol.';
COMMENT ON COLUMN orders.internal_order_id IS 'Our own identifier, sent as the client order id; once per session.';
COMMENT ON COLUMN orders.strategy_name IS 'Strategy that asked for the order.';
COMMENT ON COLUMN orders.target_level IS 'Index of the profit target that the order serves, from 0.';
COMMENT ON COLUMN orders.size_fraction IS 'Fraction of the position''s original size that the order moves.';
COMMENT ON COLUMN orders.failure_reason IS 'Why the order failed, was cancelled or expired.';
COMMENT ON COLUMN orders.created_at IS 'When the order was journaled.';
COMMENT ON COLUMN orders.filled_at IS 'When the newest fill happened.';
COMMENT ON COLUMN orders.cancelled_at IS 'When the order was cancelled or expired.';
COMMENT ON COLUMN orders.last_update IS 'When the row last changed.';
COMMENT ON COLUMN orders.request_id IS 'Identifies the request that created the row, so that a retry creates nothing.';
COMMENT ON COLUMN orders.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';

CREATE FUNCTION filled_after(known orders, state order_status, told numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(told, CASE state WHEN 'FILLED' THEN known.quantity ELSE known.filled_quantity END)
$$;
COMMENT ON FUNCTION filled_after IS
'What an order has filled once it is told to be in a state: the quantity that was told with it, else all of a FILLED '
'one, else what it had.';

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

CREATE FUNCTION refuse_backward_order() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    kept orders := old;
BEGIN
    IF old.status IN ('FILLED', 'CANCELLED', 'FAILED', 'EXPIRED') THEN
        -- What says nothing new may be said again, and an order may find its position later.
        kept.last_update := new.last_update;
        kept.position_id := coalesce(old.position_id, new.position_id);
        -- Its fills may be told one by one later, which makes its average exact; a CHECK keeps them within what it
        -- has filled.
        IF new.recorded_quantity > old.recorded_quantity THEN
            kept.recorded_quantity := new.recorded_quantity;
            kept.recorded_notional := new.recorded_notional;
            kept.recorded_commission := new.recorded_commission;
            kept.filled_price := new.filled_price;
            kept.commission := new.commission;
        END IF;
        IF new IS DISTINCT FROM kept THEN
            RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'status',
                MESSAGE = format('order %s is %s, which is final', old.id, old.status);
        END IF;
    ELSIF new.filled_quantity < old.filled_quantity THEN
        RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'filled_quantity',
            MESSAGE = format('order %s has %s filled; fills never shrink', old.id, old.filled_quantity);
    -- Labels stand in the order of an order's life, UNKNOWN last: it may follow any and lead to any but PENDING.
    ELSIF new.status < old.status AND (old.status <> 'UNKNOWN' OR new.status = 'PENDING') THEN
        RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'status',
            MESSAGE = format('order %s is %s and cannot go back to %s', old.id, old.status, new.status);
    END IF;
    RETURN new;
END
$$;
COMMENT ON FUNCTION refuse_backward_order IS
'Trigger of orders: a final order is final, a state never goes back, a fill never shrinks; AT409 otherwise.';

CREATE TRIGGER orders_forward_only BEFORE UPDATE ON orders
FOR EACH ROW
WHEN (old.* IS DISTINCT FROM new.*)
EXECUTE FUNCTION refuse_backward_order();
COMMENT ON TRIGGER orders_forward_only ON orders IS 'Orders move forward only.';
