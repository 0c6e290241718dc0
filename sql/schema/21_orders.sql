-- Orders: journaled before they are sent, with what the exchange reported of them as a whole and fill by fill.

CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY,
    session_id bigint NOT NULL,
    position_id bigint,
    order_type order_type NOT NULL,
    status order_status NOT NULL,
    symbol symbol NOT NULL,
    side position_side NOT NULL,
    quantity quantity NOT NULL,
    quote_quantity quantity,
    price signed_price,
    told_quantity nonnegative NOT NULL DEFAULT 0,
    told_price signed_price,
    told_value amount,
    told_commission amount,
    recorded_quantity nonnegative NOT NULL DEFAULT 0,
    recorded_base_fee amount NOT NULL DEFAULT 0,
    recorded_notional amount NOT NULL DEFAULT 0,
    recorded_value amount NOT NULL DEFAULT 0,
    recorded_commission amount NOT NULL DEFAULT 0,
    unknown_fees counter NOT NULL DEFAULT 0,
    corrected_value amount NOT NULL DEFAULT 0,
    filled_quantity nonnegative NOT NULL DEFAULT 0,
    filled_price signed_price,
    filled_units amount NOT NULL DEFAULT 0,
    filled_value amount NOT NULL DEFAULT 0,
    commission amount NOT NULL DEFAULT 0,
    is_overfilled boolean NOT NULL DEFAULT FALSE,
    needs_review boolean NOT NULL DEFAULT FALSE,
    exchange_order_id label,
    former_exchange_order_ids text[],
    internal_order_id label,
    replaced_order_id bigint,
    strategy_name label,
    target_level integer,
    size_fraction size,
    reason label,
    failure_reason prose,
    created_at instant NOT NULL,
    filled_at instant,
    cancelled_at instant,
    last_update instant NOT NULL,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT orders_pkey PRIMARY KEY (id),
    CONSTRAINT orders_id_session_id_key UNIQUE (id, session_id),
    CONSTRAINT orders_request_id_key UNIQUE (request_id),
    CONSTRAINT orders_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id),
    CONSTRAINT orders_position_id_fkey FOREIGN KEY (position_id, session_id) REFERENCES positions (id, session_id),
    CONSTRAINT orders_replaced_order_id_fkey FOREIGN KEY (replaced_order_id, session_id)
    REFERENCES orders (id, session_id),
    CONSTRAINT orders_filled_as_reported CHECK (
        filled_quantity = greatest(recorded_quantity, told_quantity)
        AND (filled_quantity > 0) = (filled_at IS NOT NULL)
    ),
    CONSTRAINT orders_target_level_nonnegative CHECK (target_level >= 0)
) WITH (fillfactor = 80);

-- Session and id as one value: no other index serves what looks for it, also by a plan that was made while the table
-- was empty. With columns of their own, an index that begins with the session could be chosen, and read all its orders.
CREATE UNIQUE INDEX orders_internal_order_id_key ON orders ((session_id::text || ' ' || internal_order_id::text));
CREATE UNIQUE INDEX orders_exchange_order_id_key
ON orders ((session_id::text || ' ' || exchange_order_id::text), symbol);
CREATE INDEX orders_position_id_idx ON orders (position_id);
CREATE INDEX orders_session_id_created_at_idx ON orders (session_id, created_at, id);
CREATE INDEX orders_pending_idx ON orders (session_id, created_at, id)
WHERE status IN ('PENDING', 'OPEN', 'PARTIALLY_FILLED', 'UNKNOWN');
-- Read by unbooked_orders.
CREATE INDEX orders_unpriced_idx ON orders (session_id) WHERE told_quantity > recorded_quantity AND told_value IS NULL;
-- Read by get_failed_orders.
CREATE INDEX orders_failed_idx ON orders (session_id, created_at, id) WHERE status = 'FAILED';
-- Read by get_recent_partial_trades.
CREATE INDEX orders_partial_idx ON orders (session_id, filled_at)
WHERE order_type IN ('PARTIAL_EXIT', 'SCALE_IN') AND filled_at IS NOT NULL;
-- Read by expire_stale_orders, which counts what it has expired.
CREATE INDEX orders_expired_idx ON orders (session_id, cancelled_at) WHERE status = 'EXPIRED';
CREATE INDEX orders_replaced_order_id_idx ON orders (replaced_order_id) WHERE replaced_order_id IS NOT NULL;
-- Read by find_order, for a fill under the id that an amended order had before.
CREATE INDEX orders_former_exchange_order_ids_idx ON orders USING gin (former_exchange_order_ids)
WHERE former_exchange_order_ids IS NOT NULL;

COMMENT ON TABLE orders IS
'Orders, journaled before they are sent to the exchange. An order collects its fills; final states are final, fills '
'that come later are recorded all the same.';
COMMENT ON COLUMN orders.id IS 'Identifier.';
COMMENT ON COLUMN orders.session_id IS 'Session that sends the order.';
COMMENT ON COLUMN orders.position_id IS
'Position that the order opens, grows, reduces or closes, of the same session; NULL until it is known.';
COMMENT ON COLUMN orders.order_type IS 'What the order does to its position.';
COMMENT ON COLUMN orders.status IS 'State; moves forward only.';
COMMENT ON COLUMN orders.symbol IS 'Instrument.';
COMMENT ON COLUMN orders.side IS
'Side of the position that the order belongs to: an exit of a LONG position is LONG too.';
COMMENT ON COLUMN orders.quantity IS
'Requested quantity, in units of the base asset; an estimate where quote_quantity was requested.';
COMMENT ON COLUMN orders.quote_quantity IS
'Requested amount in quote currency, of a market order by amount; NULL for an order by quantity.';
COMMENT ON COLUMN orders.price IS 'Requested price, in quote currency; NULL for a market order.';
COMMENT ON COLUMN orders.told_quantity IS
'Filled in total as the exchange last reported it, in units of the base asset; 0 while only single fills are known.';
COMMENT ON COLUMN orders.told_price IS 'Average price of that total, in quote currency.';
COMMENT ON COLUMN orders.told_value IS
'Value of that total, in settlement currency; NULL while its price is not known.';
COMMENT ON COLUMN orders.told_commission IS
'Fees of that total, in the session''s base currency; negative for a rebate, NULL when they were not reported.';
COMMENT ON COLUMN orders.recorded_quantity IS 'Sum of the single fills, in units of the base asset.';
COMMENT ON COLUMN orders.recorded_base_fee IS
'What fees in the base asset took out of the single fills of a purchase, in units; negative for a sale, which takes '
'that much more out of the position.';
COMMENT ON COLUMN orders.recorded_notional IS 'Sum of quantity x price of the single fills, in quote currency.';
COMMENT ON COLUMN orders.recorded_value IS
'Sum of the values of the single fills'' quantities less fees in the base asset, in settlement currency.';
COMMENT ON COLUMN orders.recorded_commission IS
'Sum of the known fees of the single fills, in the session''s base currency.';
COMMENT ON COLUMN orders.unknown_fees IS
'Number of single fills whose fee is not known: until there is none, the fees of the reported total count.';
COMMENT ON COLUMN orders.corrected_value IS
'What corrections by hand added to the value of its fills, in settlement currency.';
COMMENT ON COLUMN orders.filled_quantity IS
'Filled so far, in units of the base asset: the sum of the single fills, or the reported total while that is more.';
COMMENT ON COLUMN orders.filled_price IS 'Average price of the fills, in quote currency; NULL while none is known.';
COMMENT ON COLUMN orders.filled_units IS
'What the fills move in a position: filled_quantity of a known price, less fees in the base asset (a sale moves more).';
COMMENT ON COLUMN orders.filled_value IS 'The value of filled_units, in settlement currency.';
COMMENT ON COLUMN orders.commission IS
'Fees charged for the fills, in the session''s base currency; negative for a rebate.';
COMMENT ON COLUMN orders.is_overfilled IS 'Whether more was filled than was ordered by quantity.';
COMMENT ON COLUMN orders.needs_review IS
'Whether a person must look at the order: it is no longer returned as pending.';
COMMENT ON COLUMN orders.exchange_order_id IS 'The exchange''s identifier; once per session and symbol.';
COMMENT ON COLUMN orders.former_exchange_order_ids IS
'Identifiers that the exchange gave the order before it was amended, oldest first.';
COMMENT ON COLUMN orders.internal_order_id IS 'Our own identifier, sent as the client order id; once per session.';
COMMENT ON COLUMN orders.replaced_order_id IS 'Order that this one was sent in place of, of the same session.';
COMMENT ON COLUMN orders.strategy_name IS 'Strategy that asked for the order.';
COMMENT ON COLUMN orders.target_level IS 'Index of the profit target that the order serves, from 0.';
COMMENT ON COLUMN orders.size_fraction IS 'Fraction of the position''s original size that the order moves.';
COMMENT ON COLUMN orders.reason IS 'Why the order was sent; an exit''s reason becomes the position''s exit_reason.';
COMMENT ON COLUMN orders.failure_reason IS 'Why the order failed, was cancelled or expired.';
COMMENT ON COLUMN orders.created_at IS 'When the order was journaled.';
COMMENT ON COLUMN orders.filled_at IS 'When the newest fill happened.';
COMMENT ON COLUMN orders.cancelled_at IS 'When the order was cancelled or expired.';
COMMENT ON COLUMN orders.last_update IS 'When the row last changed.';
COMMENT ON COLUMN orders.request_id IS 'Identifies the request that created the row, so that a retry creates nothing.';
COMMENT ON COLUMN orders.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';

CREATE FUNCTION refuse_backward_order() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF new.filled_quantity < old.filled_quantity THEN
        RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'filled_quantity',
            MESSAGE = format('order %s has %s filled; fills never shrink', old.id, old.filled_quantity);
    END IF;
    -- Labels stand in the order of an order's life, UNKNOWN last: it may follow any and lead to any but PENDING.
    RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'status',
        MESSAGE = format('order %s is %s and cannot become %s', old.id, old.status, new.status);
END
$$;
COMMENT ON FUNCTION refuse_backward_order IS
'Trigger of orders: refuses with AT409 a state that goes back or leaves a final one, and a quantity of fills that '
'shrinks.';

CREATE TRIGGER orders_forward_only BEFORE UPDATE ON orders
FOR EACH ROW
WHEN (
    old.filled_quantity > new.filled_quantity
    OR (
        old.status <> new.status
        AND (
            old.status IN ('FILLED', 'CANCELLED', 'FAILED', 'EXPIRED')
            OR new.status = 'PENDING'
            OR (new.status < old.status AND old.status <> 'UNKNOWN')
        )
    )
)
EXECUTE FUNCTION refuse_backward_order();
COMMENT ON TRIGGER orders_forward_only ON orders IS 'Orders move forward only, and what was filled stays filled.';
