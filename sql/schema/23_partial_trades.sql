-- Partial trades: partial exits and scale-ins of positions.

CREATE TABLE partial_trades (
    id bigint GENERATED ALWAYS AS IDENTITY,
    position_id bigint NOT NULL,
    order_id bigint NOT NULL,
    operation_type partial_operation_type NOT NULL,
    size ratio NOT NULL,
    quantity amount NOT NULL,
    price signed_price NOT NULL,
    pnl amount,
    target_level integer,
    timestamp instant NOT NULL,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT partial_trades_pkey PRIMARY KEY (id),
    CONSTRAINT partial_trades_request_id_key UNIQUE (request_id),
    CONSTRAINT partial_trades_order_id_key UNIQUE (order_id, position_id),
    CONSTRAINT partial_trades_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders (id),
    CONSTRAINT partial_trades_position_id_fkey FOREIGN KEY (position_id) REFERENCES positions (id),
    CONSTRAINT partial_trades_exit_has_pnl CHECK ((operation_type = 'PARTIAL_EXIT') = (pnl IS NOT NULL)),
    CONSTRAINT partial_trades_target_level_nonnegative CHECK (target_level >= 0)
);

CREATE INDEX partial_trades_position_id_idx ON partial_trades (position_id);

COMMENT ON TABLE partial_trades IS 'Partial exits and scale-ins of positions.';
COMMENT ON COLUMN partial_trades.id IS 'Identifier.';
COMMENT ON COLUMN partial_trades.position_id IS 'Position that was made smaller or larger.';
COMMENT ON COLUMN partial_trades.order_id IS 'Order that did it; one row however many fills it took.';
COMMENT ON COLUMN partial_trades.operation_type IS 'PARTIAL_EXIT or SCALE_IN.';
COMMENT ON COLUMN partial_trades.size IS
'Fraction of the position''s ORIGINAL size (0.25 = a quarter of what was first entered).';
COMMENT ON COLUMN partial_trades.quantity IS
'The same in units of the base asset; less than was filled where a fee took more out of it.';
COMMENT ON COLUMN partial_trades.price IS 'Average price of the order''s fills, in quote currency.';
COMMENT ON COLUMN partial_trades.pnl IS
'Gross P&L that a partial exit realised, in the session''s base currency; NULL for a scale-in.';
COMMENT ON COLUMN partial_trades.target_level IS 'Index of the profit target or scale-in threshold, from 0.';
COMMENT ON COLUMN partial_trades.timestamp IS 'When it was executed.';
COMMENT ON COLUMN partial_trades.request_id IS
'Identifies the request that created the row and, for an exit, its ledger entry.';
COMMENT ON COLUMN partial_trades.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';
