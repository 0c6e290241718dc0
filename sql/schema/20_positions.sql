-- Positions: what is held, from its entry to its exit.

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
