-- Positions: what is held of one instrument, from the plan of its entry to its exit.

CREATE TABLE positions (
    id bigint GENERATED ALWAYS AS IDENTITY,
    session_id bigint NOT NULL,
    continues_position_id bigint,
    symbol symbol NOT NULL,
    side position_side NOT NULL,
    status position_status NOT NULL,
    contract contract_type NOT NULL DEFAULT 'LINEAR',
    contract_size quantity NOT NULL DEFAULT 1,
    base_asset label,
    settlement_currency label,
    settlement_rate quantity,
    allows_negative_prices boolean NOT NULL DEFAULT FALSE,
    planned_size size,
    planned_quantity quantity NOT NULL,
    entry_time instant NOT NULL,
    entry_balance amount,
    quantity nonnegative NOT NULL DEFAULT 0,
    original_quantity amount NOT NULL DEFAULT 0,
    exited_quantity nonnegative NOT NULL DEFAULT 0,
    current_quantity nonnegative NOT NULL DEFAULT 0,
    unbooked_quantity nonnegative NOT NULL DEFAULT 0,
    entry_notional amount NOT NULL DEFAULT 0,
    exit_notional amount NOT NULL DEFAULT 0,
    cost_basis amount NOT NULL DEFAULT 0,
    entry_price signed_price,
    exit_price signed_price,
    size nonnegative,
    original_size ratio,
    current_size nonnegative,
    partial_exits_taken counter NOT NULL DEFAULT 0,
    scale_ins_taken counter NOT NULL DEFAULT 0,
    last_partial_exit_price signed_price,
    last_scale_in_price signed_price,
    stop_loss signed_price,
    take_profit signed_price,
    trailing_stop boolean NOT NULL DEFAULT FALSE,
    trailing_stop_activated boolean NOT NULL DEFAULT FALSE,
    trailing_stop_price signed_price,
    breakeven_triggered boolean NOT NULL DEFAULT FALSE,
    last_update instant NOT NULL,
    current_price signed_price,
    unrealized_pnl amount,
    unrealized_pnl_percent ratio,
    mfe ratio,
    mfe_price signed_price,
    mfe_time instant,
    mae ratio,
    mae_price signed_price,
    mae_time instant,
    strategy_name label NOT NULL,
    confidence_score fraction,
    exchange label,
    -- Plain types, for a table that engines trade on is not written again; the commands cast to the domains.
    leverage numeric,
    liquidation_price numeric,
    entry_tag text,
    max_holding_until instant,
    end_of_day_exit boolean NOT NULL DEFAULT FALSE,
    weekend_exit boolean NOT NULL DEFAULT FALSE,
    time_restriction_group label,
    realized_pnl amount NOT NULL DEFAULT 0,
    pnl_correction amount NOT NULL DEFAULT 0,
    commission amount NOT NULL DEFAULT 0,
    margin_interest_cost amount NOT NULL DEFAULT 0,
    funding amount NOT NULL DEFAULT 0,
    last_exit_time instant,
    exit_time instant,
    exit_reason label,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT positions_pkey PRIMARY KEY (id),
    CONSTRAINT positions_id_session_id_key UNIQUE (id, session_id),
    CONSTRAINT positions_request_id_key UNIQUE (request_id),
    CONSTRAINT positions_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id),
    CONSTRAINT positions_continues_position_id_fkey FOREIGN KEY (continues_position_id, session_id)
    REFERENCES positions (id, session_id),
    -- CHECKs of a wide row are read again by every statement that writes it: these are as short as they can be.
    CONSTRAINT positions_status_follows_quantity CHECK (
        current_quantity = quantity - exited_quantity
        AND (status = 'OPEN') = (current_quantity > 0)
        AND (status = 'PLANNED') = (quantity = 0)
    ),
    CONSTRAINT positions_closed_with_exit CHECK (
        (status = 'CLOSED') = (exit_time IS NOT NULL AND exit_reason IS NOT NULL)
    ),
    -- Every unit of money is still in the cost of what is held, or realised, to the last digit; the audit knows
    -- its sign.
    CONSTRAINT positions_pnl_from_values CHECK (
        abs(realized_pnl - pnl_correction) = abs(exit_notional - entry_notional + cost_basis)
    )
) WITH (fillfactor = 80);

CREATE INDEX positions_open_idx ON positions (session_id, entry_time, id) WHERE status = 'OPEN';
-- Read by get_positions, page by page.
CREATE INDEX positions_closed_idx ON positions (session_id, entry_time, id) WHERE status = 'CLOSED';
-- Also by the id, or the check of an order's foreign key could use it, and read all positions of the session.
CREATE INDEX positions_session_id_id_idx ON positions (session_id, id);
-- Read by book_fill, to find who continues a position that is closed.
CREATE UNIQUE INDEX positions_continues_position_id_key ON positions (continues_position_id)
WHERE continues_position_id IS NOT NULL;

COMMENT ON TABLE positions IS
'A holding in one symbol, from the plan of its entry to its exit. What it holds, costs and earns follows from the '
'fills of its orders.';
COMMENT ON COLUMN positions.id IS 'Identifier.';
COMMENT ON COLUMN positions.session_id IS 'Session that holds the position.';
COMMENT ON COLUMN positions.continues_position_id IS
'Position that was closed before this one''s entry was filled completely: a late fill of the same entry order.';
COMMENT ON COLUMN positions.symbol IS 'Instrument.';
COMMENT ON COLUMN positions.side IS 'LONG earns when the price rises, SHORT when it falls.';
COMMENT ON COLUMN positions.status IS 'PLANNED, OPEN or CLOSED.';
COMMENT ON COLUMN positions.contract IS 'How a price makes a value: LINEAR or INVERSE.';
COMMENT ON COLUMN positions.contract_size IS
'Units of the base asset (LINEAR) or of the quote currency (INVERSE) in a quantity of 1; 1 for spot.';
COMMENT ON COLUMN positions.base_asset IS
'Asset that is traded, such as BTC: a fee in it lowers the quantity. NULL = not known, no fee is taken out of it.';
COMMENT ON COLUMN positions.settlement_currency IS
'Currency in which the position''s P&L falls due, as it was given or as a symbol of the form BASE/QUOTE:SETTLE says; '
'NULL = the session''s base currency.';
COMMENT ON COLUMN positions.settlement_rate IS
'Value of one unit of settlement_currency in the session''s base currency, for P&L whose fill comes without a rate of '
'its own.';
COMMENT ON COLUMN positions.allows_negative_prices IS 'Whether the instrument''s price can be below zero.';
COMMENT ON COLUMN positions.planned_size IS
'What planned_quantity is as a fraction of the balance at entry; NULL when it was not given.';
COMMENT ON COLUMN positions.planned_quantity IS 'Quantity of the entry as it was planned, in units of the base asset.';
COMMENT ON COLUMN positions.entry_time IS 'When the position was entered; of a PLANNED one when it was planned.';
COMMENT ON COLUMN positions.entry_balance IS 'Account balance at entry, in the session''s base currency.';
COMMENT ON COLUMN positions.quantity IS
'Entered so far, in units of the base asset: the entry and every scale-in, less what fees took out of it.';
COMMENT ON COLUMN positions.original_quantity IS
'Entered by entry orders, in units of the base asset; below zero where a fee that became known later took more out of '
'a continuing position than they entered.';
COMMENT ON COLUMN positions.exited_quantity IS 'Exited so far, in units of the base asset.';
COMMENT ON COLUMN positions.current_quantity IS 'Open quantity in units of the base asset.';
COMMENT ON COLUMN positions.unbooked_quantity IS
'What its orders moved beyond what was held, in units of the base asset: the sum of its REST fills, without their '
'sign. The next entry fill takes it up.';
COMMENT ON COLUMN positions.entry_notional IS 'Value of all entries at their prices, in settlement currency.';
COMMENT ON COLUMN positions.exit_notional IS 'Value of all exits at their prices, in settlement currency.';
COMMENT ON COLUMN positions.cost_basis IS
'What the open quantity was entered for, in settlement currency: each exit releases its share, the last one the rest.';
COMMENT ON COLUMN positions.entry_price IS
'Average entry price of the open quantity, in quote currency, rounded to 24 digits; of a CLOSED position that of all '
'entries, NULL while PLANNED.';
COMMENT ON COLUMN positions.exit_price IS
'Average price of all exits, in quote currency, rounded to 24 digits; NULL until CLOSED.';
COMMENT ON COLUMN positions.size IS
'Entered so far, as a fraction of the balance at entry; NULL when the plan gave no size.';
COMMENT ON COLUMN positions.original_size IS
'Entered by entry orders, as a fraction of the balance at entry; NULL when the plan gave no size.';
COMMENT ON COLUMN positions.current_size IS
'Open, as a fraction of the balance at entry; NULL when the plan gave no size.';
COMMENT ON COLUMN positions.partial_exits_taken IS 'Number of partial exit orders that were filled at least in part.';
COMMENT ON COLUMN positions.scale_ins_taken IS 'Number of scale-in orders that were filled at least in part.';
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
'P&L of the open quantity at current_price, in the session''s base currency; NULL when it is not known: without a '
'price, or without a rate from another settlement currency.';
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
COMMENT ON COLUMN positions.leverage IS 'Notional / margin (3 = three times); NULL where it was not given.';
COMMENT ON COLUMN positions.liquidation_price IS
'Price at which the exchange closes the position, in quote currency, as it was last reported; NULL = not known.';
COMMENT ON COLUMN positions.entry_tag IS
'Signal or rule that opened the position, in the strategy''s own words; NULL where it was not given.';
COMMENT ON COLUMN positions.max_holding_until IS 'When the position is closed at the latest.';
COMMENT ON COLUMN positions.end_of_day_exit IS 'Whether the position is closed before the trading day ends.';
COMMENT ON COLUMN positions.weekend_exit IS 'Whether the position is closed before the weekend.';
COMMENT ON COLUMN positions.time_restriction_group IS 'Name of the rule set for time-based exits.';
COMMENT ON COLUMN positions.realized_pnl IS
'Gross P&L of all exits so far, in the session''s base currency; of a CLOSED position its whole result before costs.';
COMMENT ON COLUMN positions.pnl_correction IS
'Part of realized_pnl that does not follow from the values: P&L given by the caller or converted at a rate, less that '
'of the prices.';
COMMENT ON COLUMN positions.commission IS
'Fees of all fills so far, in the session''s base currency; negative for a rebate.';
COMMENT ON COLUMN positions.margin_interest_cost IS
'Interest paid on borrowed funds so far, in the session''s base currency.';
COMMENT ON COLUMN positions.funding IS
'Funding so far, in the session''s base currency: positive when received, negative when paid.';
COMMENT ON COLUMN positions.last_exit_time IS 'When the newest exit fill happened; NULL before the first.';
COMMENT ON COLUMN positions.exit_time IS 'When the position was closed; NULL until CLOSED.';
COMMENT ON COLUMN positions.exit_reason IS 'Why the position was closed; NULL until CLOSED.';
COMMENT ON COLUMN positions.request_id IS
'Identifies the request that created the row, so that a retry creates nothing.';
COMMENT ON COLUMN positions.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';
