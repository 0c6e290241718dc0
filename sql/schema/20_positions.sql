-- Positions and what belongs to one: its orders and its partial trades.

CREATE TABLE positions (
    id bigint GENERATED ALWAYS AS IDENTITY,
    session_id bigint NOT NULL,
    symbol symbol NOT NULL,
    side position_side NOT NULL,
    status position_status NOT NULL DEFAULT 'OPEN',
    entry_price price NOT NULL,
    entry_time instant NOT NULL,
    entry_balance amount,
    size size NOT NULL,
    original_size size NOT NULL,
    current_size nonnegative NOT NULL,
    quantity quantity NOT NULL,
    original_quantity quantity NOT NULL,
    current_quantity nonnegative NOT NULL,
    entry_notional price NOT NULL,
    partial_exits_taken integer NOT NULL DEFAULT 0,
    scale_ins_taken integer NOT NULL DEFAULT 0,
    last_partial_exit_price price,
    last_scale_in_price price,
    stop_loss price,
    take_profit price,
    trailing_stop boolean NOT NULL DEFAULT FALSE,
    trailing_stop_activated boolean NOT NULL DEFAULT FALSE,
    trailing_stop_price price,
    breakeven_triggered boolean NOT NULL DEFAULT FALSE,
    last_update instant NOT NULL,
    current_price price,
    unrealized_pnl amount,
    unrealized_pnl_percent ratio,
    mfe ratio,
    mfe_price price,
    mfe_time instant,
    mae ratio,
    mae_price price,
    mae_time instant,
    strategy_name label NOT NULL,
    confidence_score fraction,
    exchange label,
    max_holding_until instant,
    end_of_day_exit boolean NOT NULL DEFAULT FALSE,
    weekend_exit boolean NOT NULL DEFAULT FALSE,
    time_restriction_group label,
    realized_pnl amount NOT NULL DEFAULT 0,
    exit_price price,
    exit_time instant,
    exit_reason label,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT positions_pkey PRIMARY KEY (id),
    CONSTRAINT positions_id_session_id_key UNIQUE (id, session_id),
    CONSTRAINT positions_request_id_key UNIQUE (request_id),
    CONSTRAINT positions_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id),
    CONSTRAINT positions_closed_with_exit CHECK (
        num_nonnulls(exit_price, exit_time, exit_reason) = CASE status WHEN 'CLOSED' THEN 3 ELSE 0 END
    ),
    CONSTRAINT positions_exit_after_entry CHECK (exit_time >= entry_time),
    CONSTRAINT positions_size_covers_original CHECK (size >= original_size AND quantity >= original_quantity),
    CONSTRAINT positions_current_within_entered CHECK (current_size <= size AND current_quantity <= quantity),
    CONSTRAINT positions_counters_nonnegative CHECK (partial_exits_taken >= 0 AND scale_ins_taken >= 0)
) WITH (fillfactor = 80);

CREATE INDEX positions_open_idx ON positions (session_id, entry_time, id) WHERE status = 'OPEN';
CREATE INDEX positions_session_id_idx ON positions (session_id);

COMMENT ON TABLE positions IS 'A holding in one symbol from its entry to its exit.';
COMMENT ON COLUMN positions.id IS 'Identifier.';
COMMENT ON COLUMN positions.session_id IS 'Session that holds the position.';
COMMENT ON COLUMN positions.symbol IS 'Instrument.';
COMMENT ON COLUMN positions.side IS 'LONG earns when the price rises, SHORT when it falls.';
COMMENT ON COLUMN positions.status IS 'OPEN or CLOSED.';
COMMENT ON COLUMN positions.entry_price IS
'Average entry price of the open quantity, in quote currency: scale-ins are weighted in.';
COMMENT ON COLUMN positions.entry_time IS 'When the position was entered.';
COMMENT ON COLUMN positions.entry_balance IS 'Account balance at entry, in the session''s base currency.';
COMMENT ON COLUMN positions.size IS
'Entered so far, as a fraction of the balance at entry: the original size and every scale-in.';
COMMENT ON COLUMN positions.original_size IS 'Size at entry, as a fraction of the balance at entry.';
COMMENT ON COLUMN positions.current_size IS
'Open size as a fraction of the balance at entry; of a CLOSED position what the final exit closed.';
COMMENT ON COLUMN positions.quantity IS
'Entered so far, in units of the base asset: the original quantity and every scale-in.';
COMMENT ON COLUMN positions.original_quantity IS 'Quantity at entry, in units of the base asset.';
COMMENT ON COLUMN positions.current_quantity IS
'Open quantity in units of the base asset; of a CLOSED position what the final exit closed.';
COMMENT ON COLUMN positions.entry_notional IS
'Sum of price x quantity over the entry and every scale-in, in quote currency.';
COMMENT ON COLUMN positions.partial_exits_taken IS 'Number of partial exits so far.';
COMMENT ON COLUMN positions.scale_ins_taken IS 'Number of scale-ins so far.';
COMMENT ON COLUMN positions.last_partial_exit_price IS 'Price of the newest partial exit, in quote currency.';
COMMENT ON COLUMN positions.last_scale_in_price IS 'Price of the newest scale-in, in quote currency.';
COMMENT ON COLUMN positions.stop_loss IS 'Price at which the position is closed at a loss, in quote currency.';
COMMENT ON COLUMN positions.take_profit IS 'Price at which the position is closed at a profit, in quote currency.';
COMMENT ON COLUMN positions.trailing_stop IS 'Whether the position uses a trailing stop.';
COMMENT ON COLUMN positions.trailing_stop_activated IS 'Whether the trailing stop has begun to follow the price.';
COMMENT ON COLUMN positions.trailing_stop_price IS 'Where the trailing stop stands now, in quote currency.';
COMMENT ON COLUMN positions.breakeven_triggered IS 'Whether the stop was moved to the entry price.';
COMMENT ON COLUMN positions.last_update IS 'When the row last changed.';
COMMENT ON COLUMN positions.current_price IS 'Newest known market price, in quote currency.';
COMMENT ON COLUMN positions.unrealized_pnl IS
'P&L of the open quantity at current_price, in the session''s base currency.';
COMMENT ON COLUMN positions.unrealized_pnl_percent IS
'The same in percent of the open quantity''s entry value (5 = 5 %).';
COMMENT ON COLUMN positions.mfe IS 'Maximum favourable excursion since entry, as a fraction of the entry price.';
COMMENT ON COLUMN positions.mfe_price IS 'Price at the maximum favourable excursion, in quote currency.';
COMMENT ON COLUMN positions.mfe_time IS 'When the maximum favourable excursion was reached.';
COMMENT ON COLUMN positions.mae IS 'Maximum adverse excursion since entry, as a fraction of the entry price.';
COMMENT ON COLUMN positions.mae_price IS 'Price at the maximum adverse excursion, in quote currency.';
COMMENT ON COLUMN positions.mae_time IS 'When the maximum adverse excursion was reached.';
COMMENT ON COLUMN positions.strategy_name IS 'Strategy that opened the position.';
COMMENT ON COLUMN positions.confidence_score IS 'The strategy''s confidence at entry, from 0 to 1.';
COMMENT ON COLUMN positions.exchange IS 'Exchange that holds the position.';
COMMENT ON COLUMN positions.max_holding_until IS 'When the position is closed at the latest.';
COMMENT ON COLUMN positions.end_of_day_exit IS 'Whether the position is closed before the trading day ends.';
COMMENT ON COLUMN positions.weekend_exit IS 'Whether the position is closed before the weekend.';
COMMENT ON COLUMN positions.time_restriction_group IS 'Name of the rule set for time-based exits.';
COMMENT ON COLUMN positions.realized_pnl IS
'Gross P&L of all exits so far, in the session''s base currency; of a CLOSED position its whole result before costs.';
COMMENT ON COLUMN positions.exit_price IS 'Price of the final exit, in quote currency; NULL while OPEN.';
COMMENT ON COLUMN positions.exit_time IS 'When the position was closed; NULL while OPEN.';
COMMENT ON COLUMN positions.exit_reason IS 'Why the position was closed; NULL while OPEN.';
COMMENT ON COLUMN positions.request_id IS
'Identifies the request that created the row, so that a retry creates nothing.';
COMMENT ON COLUMN positions.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';

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

CREATE TABLE partial_trades (
    id bigint GENERATED ALWAYS AS IDENTITY,
    position_id bigint NOT NULL,
    operation_type partial_operation_type NOT NULL,
    size size NOT NULL,
    quantity quantity NOT NULL,
    price price NOT NULL,
    pnl amount,
    target_level integer,
    timestamp instant NOT NULL,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT partial_trades_pkey PRIMARY KEY (id),
    CONSTRAINT partial_trades_request_id_key UNIQUE (request_id),
    CONSTRAINT partial_trades_position_id_fkey FOREIGN KEY (position_id) REFERENCES positions (id),
    CONSTRAINT partial_trades_exit_has_pnl CHECK ((operation_type = 'PARTIAL_EXIT') = (pnl IS NOT NULL)),
    CONSTRAINT partial_trades_target_level_nonnegative CHECK (target_level >= 0)
);

CREATE INDEX partial_trades_position_id_idx ON partial_trades (position_id);

COMMENT ON TABLE partial_trades IS 'Partial exits and scale-ins of positions.';
COMMENT ON COLUMN partial_trades.id IS 'Identifier.';
COMMENT ON COLUMN partial_trades.position_id IS 'Position that was made smaller or larger.';
COMMENT ON COLUMN partial_trades.operation_type IS 'PARTIAL_EXIT or SCALE_IN.';
COMMENT ON COLUMN partial_trades.size IS
'Fraction of the position''s ORIGINAL size (0.25 = a quarter of what was first entered).';
COMMENT ON COLUMN partial_trades.quantity IS 'The same in units of the base asset.';
COMMENT ON COLUMN partial_trades.price IS 'Execution price, in quote currency.';
COMMENT ON COLUMN partial_trades.pnl IS
'Gross P&L that a partial exit realised, in the session''s base currency; NULL for a scale-in.';
COMMENT ON COLUMN partial_trades.target_level IS 'Index of the profit target or scale-in threshold, from 0.';
COMMENT ON COLUMN partial_trades.timestamp IS 'When it was executed.';
COMMENT ON COLUMN partial_trades.request_id IS
'Identifies the request that created the row and, for an exit, its ledger entry.';
COMMENT ON COLUMN partial_trades.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';
