-- The initial schema: the books, as of the first release.

-- Enums and domains: what a value may be, wherever it is stored.

CREATE TYPE position_side AS ENUM ('LONG', 'SHORT');
COMMENT ON TYPE position_side IS 'Direction of a position, and of the orders and trades that belong to it.';

CREATE TYPE position_status AS ENUM ('OPEN', 'CLOSED');
COMMENT ON TYPE position_status IS 'A position is OPEN until it is closed; CLOSED is final.';

CREATE TYPE order_type AS ENUM ('ENTRY', 'PARTIAL_EXIT', 'SCALE_IN', 'FULL_EXIT', 'STOP_LOSS');
COMMENT ON TYPE order_type IS 'What an order does to its position.';

CREATE TYPE order_status AS ENUM (
    'PENDING', 'OPEN', 'PARTIALLY_FILLED', 'FILLED', 'CANCELLED', 'FAILED', 'EXPIRED', 'UNKNOWN'
);
COMMENT ON TYPE order_status IS
'State of an order: PENDING = journaled before it is sent; FILLED, CANCELLED, FAILED and EXPIRED are final; '
'UNKNOWN = ask the exchange.';

CREATE TYPE trade_source AS ENUM ('LIVE', 'BACKTEST', 'PAPER');
COMMENT ON TYPE trade_source IS 'Where a session''s money is: on an exchange, in history, or on paper.';

CREATE TYPE partial_operation_type AS ENUM ('PARTIAL_EXIT', 'SCALE_IN');
COMMENT ON TYPE partial_operation_type IS 'Whether a partial trade made its position smaller or larger.';

CREATE TYPE event_type AS ENUM (
    'ENGINE_START', 'ENGINE_STOP', 'STRATEGY_CHANGE', 'MODEL_UPDATE', 'ERROR', 'WARNING', 'ALERT',
    'BALANCE_ADJUSTMENT', 'TEST'
);
COMMENT ON TYPE event_type IS 'What a system event reports.';

CREATE TYPE severity AS ENUM ('INFO', 'WARNING', 'ERROR', 'CRITICAL');
COMMENT ON TYPE severity IS 'How urgent a system event is, from least to most.';

CREATE TYPE metric_period AS ENUM ('DAILY', 'WEEKLY', 'MONTHLY', 'ALL_TIME');
COMMENT ON TYPE metric_period IS 'Length of the time span that a row of metrics covers; days start at 00:00 UTC.';

CREATE TYPE ledger_entry_type AS ENUM ('INITIAL', 'TRADE', 'PARTIAL_EXIT', 'ADJUSTMENT');
COMMENT ON TYPE ledger_entry_type IS
'What moved the balance: the session''s start, a completed trade, a partial exit, or a correction by hand or by '
'account sync.';

CREATE DOMAIN amount AS numeric
CONSTRAINT amount_finite CHECK (VALUE > -1e30 AND VALUE < 1e30);
COMMENT ON DOMAIN amount IS 'Exact money in the session''s base currency, of either sign; never NaN or Infinity.';

CREATE DOMAIN nonnegative AS numeric
CONSTRAINT nonnegative_finite CHECK (VALUE >= 0 AND VALUE < 1e30);
COMMENT ON DOMAIN nonnegative IS 'An exact number that is zero or more; never NaN or Infinity.';

CREATE DOMAIN price AS numeric
CONSTRAINT price_positive CHECK (VALUE > 0 AND VALUE < 1e30);
COMMENT ON DOMAIN price IS 'Exact price of one unit in the quote currency; above zero, never NaN or Infinity.';

CREATE DOMAIN quantity AS numeric
CONSTRAINT quantity_positive CHECK (VALUE > 0 AND VALUE < 1e30);
COMMENT ON DOMAIN quantity IS 'Exact number of units of the base asset; above zero, never NaN or Infinity.';

CREATE DOMAIN size AS numeric
CONSTRAINT size_positive CHECK (VALUE > 0 AND VALUE < 1e6);
COMMENT ON DOMAIN size IS
'A fraction of a whole that the column names (0.05 = 5 %); above zero, above 1 only with leverage.';

CREATE DOMAIN fraction AS numeric
CONSTRAINT fraction_range CHECK (VALUE >= 0 AND VALUE <= 1);
COMMENT ON DOMAIN fraction IS 'A share from 0 to 1 (0.05 = 5 %).';

CREATE DOMAIN ratio AS numeric
CONSTRAINT ratio_finite CHECK (VALUE > -1e30 AND VALUE < 1e30);
COMMENT ON DOMAIN ratio IS
'A dimensionless number of either sign; a fraction (0.05 = 5 %) unless the column''s name ends in _percent.';

CREATE DOMAIN instant AS timestamptz
CONSTRAINT instant_plausible CHECK (VALUE >= '1900-01-01 00:00:00+00' AND VALUE < '2200-01-01 00:00:00+00');
COMMENT ON DOMAIN instant IS 'A moment in time between the years 1900 and 2200.';

CREATE DOMAIN symbol AS text
CONSTRAINT symbol_form CHECK (VALUE ~ '^[^[:space:]]{1,64}$');
COMMENT ON DOMAIN symbol IS 'Name of a traded instrument, such as BTCUSDT: 1 to 64 characters without blanks.';

CREATE DOMAIN label AS text
CONSTRAINT label_form CHECK (VALUE !~ '^[[:space:]]|[[:space:]]$' AND length(VALUE) BETWEEN 1 AND 255);
COMMENT ON DOMAIN label IS 'A short name or reason: 1 to 255 characters, no blanks at either end.';

CREATE DOMAIN prose AS text
CONSTRAINT prose_length CHECK (octet_length(VALUE) BETWEEN 1 AND 1048576);
COMMENT ON DOMAIN prose IS 'Free text of 1 byte to 1 MiB.';

CREATE DOMAIN document AS jsonb
CONSTRAINT document_size CHECK (pg_column_size(VALUE) <= 16777216);
COMMENT ON DOMAIN document IS
'A JSON document, at most 1 MiB as text when written through atb_db; exact numbers are strings in it.';

-- A trading session: one run of one strategy on one symbol, with its own books.

CREATE TABLE trading_sessions (
    id bigint GENERATED ALWAYS AS IDENTITY,
    session_name label NOT NULL,
    mode trade_source NOT NULL,
    strategy_name label NOT NULL,
    symbol symbol NOT NULL,
    timeframe label NOT NULL,
    exchange label,
    base_currency label NOT NULL,
    start_time instant NOT NULL,
    end_time instant,
    is_active boolean NOT NULL GENERATED ALWAYS AS (end_time IS NULL) STORED,
    initial_balance amount NOT NULL,
    current_balance amount NOT NULL,
    ledger_entries integer NOT NULL,
    final_balance amount,
    total_pnl amount,
    total_trades integer,
    win_rate fraction,
    max_drawdown ratio,
    strategy_config document,
    time_exit_config document,
    market_timezone label,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT trading_sessions_pkey PRIMARY KEY (id),
    CONSTRAINT trading_sessions_request_id_key UNIQUE (request_id),
    CONSTRAINT trading_sessions_end_after_start CHECK (end_time >= start_time),
    CONSTRAINT trading_sessions_initial_balance_nonnegative CHECK (initial_balance >= 0),
    CONSTRAINT trading_sessions_ledger_entries_positive CHECK (ledger_entries >= 1),
    CONSTRAINT trading_sessions_final_figures CHECK (
        num_nulls(end_time, final_balance, total_pnl, total_trades, max_drawdown) IN (0, 5)
    )
) WITH (fillfactor = 70);

CREATE INDEX trading_sessions_active_idx ON trading_sessions (start_time DESC, id DESC) WHERE end_time IS NULL;

COMMENT ON TABLE trading_sessions IS
'One run of one strategy on one symbol. The row carries the current balance, so that every change of it is '
'serialised here.';
COMMENT ON COLUMN trading_sessions.id IS 'Identifier.';
COMMENT ON COLUMN trading_sessions.session_name IS 'Name for people; not unique.';
COMMENT ON COLUMN trading_sessions.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN trading_sessions.strategy_name IS 'Strategy that trades.';
COMMENT ON COLUMN trading_sessions.symbol IS 'Instrument that is traded.';
COMMENT ON COLUMN trading_sessions.timeframe IS 'Length of one candle, such as 1h.';
COMMENT ON COLUMN trading_sessions.exchange IS 'Exchange that executes the orders.';
COMMENT ON COLUMN trading_sessions.base_currency IS 'Currency of every amount in the session''s books.';
COMMENT ON COLUMN trading_sessions.start_time IS 'When the session began; historic for a backtest.';
COMMENT ON COLUMN trading_sessions.end_time IS 'When the session ended; NULL while it is active.';
COMMENT ON COLUMN trading_sessions.is_active IS 'True until the session has ended.';
COMMENT ON COLUMN trading_sessions.initial_balance IS 'Balance at the start, in base_currency.';
COMMENT ON COLUMN trading_sessions.current_balance IS
'Balance now, in base_currency: the sum of the session''s ledger.';
COMMENT ON COLUMN trading_sessions.ledger_entries IS 'Number of the newest entry in account_balances.';
COMMENT ON COLUMN trading_sessions.final_balance IS 'Balance at the end, in base_currency.';
COMMENT ON COLUMN trading_sessions.total_pnl IS 'Net P&L of all trades, in base_currency; set at the end.';
COMMENT ON COLUMN trading_sessions.total_trades IS 'Number of completed trades; set at the end.';
COMMENT ON COLUMN trading_sessions.win_rate IS
'Trades with pnl > 0 / all trades, as a fraction; set at the end, NULL without trades.';
COMMENT ON COLUMN trading_sessions.max_drawdown IS
'Largest (running peak - value) / running peak, as a fraction: of the equity in account_history when there is any, '
'else of initial_balance + cumulative net P&L; set at the end.';
COMMENT ON COLUMN trading_sessions.strategy_config IS 'Configuration of the strategy.';
COMMENT ON COLUMN trading_sessions.time_exit_config IS 'Configuration of time-based exits.';
COMMENT ON COLUMN trading_sessions.market_timezone IS 'IANA time zone of the market''s trading day.';
COMMENT ON COLUMN trading_sessions.request_id IS
'Identifies the request that created the row, so that a retry creates nothing.';
COMMENT ON COLUMN trading_sessions.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';

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
    CONSTRAINT orders_target_level_nonnegative CHECK (target_level >= 0)
) WITH (fillfactor = 90);

CREATE INDEX orders_position_id_idx ON orders (position_id);
CREATE INDEX orders_pending_idx ON orders (session_id, created_at, id)
WHERE status IN ('PENDING', 'OPEN', 'PARTIALLY_FILLED', 'UNKNOWN');

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

-- Completed trades, and the figures kept up to date with each of them.

CREATE TABLE trades (
    id bigint GENERATED ALWAYS AS IDENTITY,
    session_id bigint NOT NULL,
    position_id bigint,
    symbol symbol NOT NULL,
    side position_side NOT NULL,
    source trade_source NOT NULL,
    entry_price price NOT NULL,
    exit_price price NOT NULL,
    size size NOT NULL,
    quantity quantity,
    entry_time instant NOT NULL,
    exit_time instant NOT NULL,
    pnl amount NOT NULL,
    pnl_percent ratio NOT NULL,
    commission amount NOT NULL DEFAULT 0,
    margin_interest_cost amount NOT NULL DEFAULT 0,
    net_pnl amount NOT NULL GENERATED ALWAYS AS (pnl - commission - margin_interest_cost) STORED,
    stop_loss price,
    take_profit price,
    exit_reason label NOT NULL,
    strategy_name label NOT NULL,
    strategy_config document,
    confidence_score fraction,
    order_id label,
    exchange label,
    timeframe label,
    mfe ratio,
    mfe_price price,
    mfe_time instant,
    mae ratio,
    mae_price price,
    mae_time instant,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT trades_pkey PRIMARY KEY (id),
    CONSTRAINT trades_request_id_key UNIQUE (request_id),
    CONSTRAINT trades_position_id_key UNIQUE (position_id),
    CONSTRAINT trades_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id),
    CONSTRAINT trades_position_id_fkey FOREIGN KEY (position_id, session_id) REFERENCES positions (id, session_id),
    CONSTRAINT trades_exit_after_entry CHECK (exit_time >= entry_time)
);

CREATE INDEX trades_session_id_exit_time_idx ON trades (session_id, exit_time, id);

COMMENT ON TABLE trades IS 'Completed trades: one per closed position, or logged by itself (backtests).';
COMMENT ON COLUMN trades.id IS 'Identifier.';
COMMENT ON COLUMN trades.session_id IS 'Session that traded.';
COMMENT ON COLUMN trades.position_id IS
'Position that was closed, of the same session; NULL for a trade logged without one.';
COMMENT ON COLUMN trades.symbol IS 'Instrument.';
COMMENT ON COLUMN trades.side IS 'LONG or SHORT.';
COMMENT ON COLUMN trades.source IS 'The session''s mode: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN trades.entry_price IS 'Average price of all entries, in quote currency.';
COMMENT ON COLUMN trades.exit_price IS 'Price of the final exit, in quote currency.';
COMMENT ON COLUMN trades.size IS 'Everything entered, as a fraction of the balance at entry.';
COMMENT ON COLUMN trades.quantity IS 'Everything entered, in units of the base asset.';
COMMENT ON COLUMN trades.entry_time IS 'When the position was entered.';
COMMENT ON COLUMN trades.exit_time IS 'When the final exit happened; its UTC day is the trade''s day.';
COMMENT ON COLUMN trades.pnl IS 'Gross P&L of all exits together, in the session''s base currency.';
COMMENT ON COLUMN trades.pnl_percent IS
'pnl in percent of everything entered (price x quantity); without a quantity, the price''s move in the trade''s '
'favour (5 = 5 %).';
COMMENT ON COLUMN trades.commission IS 'Fees of all fills, in the session''s base currency; negative for a rebate.';
COMMENT ON COLUMN trades.margin_interest_cost IS 'Interest paid on borrowed funds, in the session''s base currency.';
COMMENT ON COLUMN trades.net_pnl IS 'pnl - commission - margin_interest_cost, in the session''s base currency.';
COMMENT ON COLUMN trades.stop_loss IS 'Stop price at the exit, in quote currency.';
COMMENT ON COLUMN trades.take_profit IS 'Target price at the exit, in quote currency.';
COMMENT ON COLUMN trades.exit_reason IS 'Why the trade was closed.';
COMMENT ON COLUMN trades.strategy_name IS 'Strategy that traded.';
COMMENT ON COLUMN trades.strategy_config IS 'Configuration of the strategy.';
COMMENT ON COLUMN trades.confidence_score IS 'The strategy''s confidence at entry, from 0 to 1.';
COMMENT ON COLUMN trades.order_id IS 'The exchange''s identifier of the exit order.';
COMMENT ON COLUMN trades.exchange IS 'Exchange that executed the trade.';
COMMENT ON COLUMN trades.timeframe IS 'Length of one candle, such as 1h.';
COMMENT ON COLUMN trades.mfe IS 'Maximum favourable excursion, as a fraction of the entry price.';
COMMENT ON COLUMN trades.mfe_price IS 'Price at the maximum favourable excursion, in quote currency.';
COMMENT ON COLUMN trades.mfe_time IS 'When the maximum favourable excursion was reached.';
COMMENT ON COLUMN trades.mae IS 'Maximum adverse excursion, as a fraction of the entry price.';
COMMENT ON COLUMN trades.mae_price IS 'Price at the maximum adverse excursion, in quote currency.';
COMMENT ON COLUMN trades.mae_time IS 'When the maximum adverse excursion was reached.';
COMMENT ON COLUMN trades.request_id IS
'Identifies the request that created the trade, its exit order and its ledger entry.';
COMMENT ON COLUMN trades.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';

CREATE TABLE performance_metrics (
    session_id bigint NOT NULL,
    period metric_period NOT NULL,
    period_start instant NOT NULL,
    period_end instant,
    opening_balance amount NOT NULL,
    total_trades integer NOT NULL,
    winning_trades integer NOT NULL,
    losing_trades integer NOT NULL,
    gross_profit nonnegative NOT NULL,
    gross_loss nonnegative NOT NULL,
    commission amount NOT NULL,
    margin_interest_cost amount NOT NULL,
    net_pnl amount NOT NULL GENERATED ALWAYS AS (gross_profit - gross_loss - commission - margin_interest_cost) STORED,
    best_trade_pnl amount NOT NULL,
    worst_trade_pnl amount NOT NULL,
    current_streak integer NOT NULL,
    largest_win_streak integer NOT NULL,
    largest_loss_streak integer NOT NULL,
    peak_balance amount NOT NULL,
    max_drawdown ratio NOT NULL,
    win_rate fraction NOT NULL GENERATED ALWAYS AS (winning_trades::numeric / total_trades) STORED,
    profit_factor ratio GENERATED ALWAYS AS (gross_profit / nullif(gross_loss, 0)) STORED,
    expectancy amount NOT NULL GENERATED ALWAYS AS ((gross_profit - gross_loss) / total_trades) STORED,
    avg_win amount GENERATED ALWAYS AS (gross_profit / nullif(winning_trades, 0)) STORED,
    avg_loss amount GENERATED ALWAYS AS (-gross_loss / nullif(losing_trades, 0)) STORED,
    CONSTRAINT performance_metrics_pkey PRIMARY KEY (session_id, period, period_start),
    CONSTRAINT performance_metrics_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id),
    CONSTRAINT performance_metrics_period_span CHECK (
        CASE period WHEN 'ALL_TIME' THEN period_end IS NULL ELSE coalesce(period_end > period_start, FALSE) END
    ),
    CONSTRAINT performance_metrics_counts CHECK (
        total_trades >= 1 AND winning_trades >= 0 AND losing_trades >= 0
        AND winning_trades + losing_trades <= total_trades
    ),
    CONSTRAINT performance_metrics_streaks CHECK (
        largest_win_streak BETWEEN greatest(current_streak, 0) AND winning_trades
        AND largest_loss_streak BETWEEN greatest(-current_streak, 0) AND losing_trades
    )
) WITH (fillfactor = 50);

COMMENT ON TABLE performance_metrics IS
'One row per session and period, kept up to date by every trade in constant time: exact sums and counts, the '
'rest is derived from them. '
'Trades count on the UTC day of their exit_time, in the order in which they were booked.';
COMMENT ON COLUMN performance_metrics.session_id IS 'Session whose trades are counted.';
COMMENT ON COLUMN performance_metrics.period IS 'DAILY or ALL_TIME; longer periods are sums of days.';
COMMENT ON COLUMN performance_metrics.period_start IS 'First moment of the period; 1970-01-01 for ALL_TIME.';
COMMENT ON COLUMN performance_metrics.period_end IS 'First moment after the period; NULL for ALL_TIME.';
COMMENT ON COLUMN performance_metrics.opening_balance IS
'Where the period''s balance starts, in the session''s base currency: for ALL_TIME the initial balance, for a day the '
'balance after its first trade less that trade''s net P&L.';
COMMENT ON COLUMN performance_metrics.total_trades IS 'Number of trades, those with pnl = 0 included.';
COMMENT ON COLUMN performance_metrics.winning_trades IS 'Number of trades with pnl > 0.';
COMMENT ON COLUMN performance_metrics.losing_trades IS 'Number of trades with pnl < 0.';
COMMENT ON COLUMN performance_metrics.gross_profit IS 'Sum of the positive pnl, in the session''s base currency.';
COMMENT ON COLUMN performance_metrics.gross_loss IS
'Sum of the negative pnl without its sign, in the session''s base currency.';
COMMENT ON COLUMN performance_metrics.commission IS 'Sum of commission, in the session''s base currency.';
COMMENT ON COLUMN performance_metrics.margin_interest_cost IS
'Sum of margin_interest_cost, in the session''s base currency.';
COMMENT ON COLUMN performance_metrics.net_pnl IS
'Sum of net P&L: gross profit - gross loss - commission - margin interest.';
COMMENT ON COLUMN performance_metrics.best_trade_pnl IS 'Largest pnl of one trade, in the session''s base currency.';
COMMENT ON COLUMN performance_metrics.worst_trade_pnl IS 'Smallest pnl of one trade, in the session''s base currency.';
COMMENT ON COLUMN performance_metrics.current_streak IS
'Wins in a row up to the newest trade; negative: losses in a row; 0 after a trade with pnl = 0.';
COMMENT ON COLUMN performance_metrics.largest_win_streak IS 'Longest run of winning trades.';
COMMENT ON COLUMN performance_metrics.largest_loss_streak IS 'Longest run of losing trades.';
COMMENT ON COLUMN performance_metrics.peak_balance IS
'Highest value of opening_balance + cumulative net P&L, the opening included, in the session''s base currency.';
COMMENT ON COLUMN performance_metrics.max_drawdown IS
'Largest (running peak - value) / running peak of opening_balance + cumulative net P&L, as a fraction rounded '
'to 12 digits.';
COMMENT ON COLUMN performance_metrics.win_rate IS 'winning_trades / total_trades, as a fraction.';
COMMENT ON COLUMN performance_metrics.profit_factor IS 'gross_profit / gross_loss; NULL without losses.';
COMMENT ON COLUMN performance_metrics.expectancy IS 'Mean pnl of a trade, in the session''s base currency.';
COMMENT ON COLUMN performance_metrics.avg_win IS 'Mean pnl of the winning trades; NULL without one.';
COMMENT ON COLUMN performance_metrics.avg_loss IS 'Mean pnl of the losing trades, negative; NULL without one.';

-- The account: the ledger of balance changes, and snapshots of balance and equity over time.

CREATE TABLE account_balances (
    id bigint GENERATED ALWAYS AS IDENTITY,
    session_id bigint NOT NULL,
    entry_number integer NOT NULL,
    previous_entry integer GENERATED ALWAYS AS (nullif(entry_number - 1, 0)) STORED,
    entry_type ledger_entry_type NOT NULL,
    previous_balance amount NOT NULL,
    delta amount NOT NULL,
    total_balance amount NOT NULL,
    reserved_balance nonnegative NOT NULL DEFAULT 0,
    available_balance amount NOT NULL GENERATED ALWAYS AS (total_balance - reserved_balance) STORED,
    base_currency label NOT NULL,
    asset_balances document,
    update_reason label NOT NULL,
    updated_by label NOT NULL,
    last_updated instant NOT NULL,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT account_balances_pkey PRIMARY KEY (id),
    CONSTRAINT account_balances_request_id_key UNIQUE (request_id),
    CONSTRAINT account_balances_chain_key UNIQUE (session_id, entry_number, total_balance),
    CONSTRAINT account_balances_entry_number_key UNIQUE (session_id, entry_number),
    CONSTRAINT account_balances_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id),
    CONSTRAINT account_balances_chain_fkey FOREIGN KEY (session_id, previous_entry, previous_balance)
    REFERENCES account_balances (session_id, entry_number, total_balance),
    CONSTRAINT account_balances_sum CHECK (total_balance = previous_balance + delta),
    CONSTRAINT account_balances_first_entry CHECK (
        (entry_number = 1) = (entry_type = 'INITIAL')
        AND entry_number >= 1
        AND (entry_number > 1 OR previous_balance = 0)
    )
);

COMMENT ON TABLE account_balances IS
'The ledger: every change of a session''s balance, append-only. Each entry starts from the balance that the one '
'before it left '
'(a foreign key holds the chain); corrections are new entries.';
COMMENT ON COLUMN account_balances.id IS 'Identifier.';
COMMENT ON COLUMN account_balances.session_id IS 'Session whose balance changed.';
COMMENT ON COLUMN account_balances.entry_number IS 'Position in the session''s ledger, from 1 without gaps.';
COMMENT ON COLUMN account_balances.previous_entry IS 'entry_number of the entry before; NULL for the first.';
COMMENT ON COLUMN account_balances.entry_type IS 'What moved the balance.';
COMMENT ON COLUMN account_balances.previous_balance IS 'Balance before, in base_currency; 0 for the first entry.';
COMMENT ON COLUMN account_balances.delta IS 'Change of the balance, in base_currency.';
COMMENT ON COLUMN account_balances.total_balance IS 'Balance after, in base_currency.';
COMMENT ON COLUMN account_balances.reserved_balance IS 'Part of total_balance that orders hold, in base_currency.';
COMMENT ON COLUMN account_balances.available_balance IS 'total_balance - reserved_balance, in base_currency.';
COMMENT ON COLUMN account_balances.base_currency IS 'Currency of the amounts: the session''s.';
COMMENT ON COLUMN account_balances.asset_balances IS 'Quantity of each asset as the exchange reported it, as strings.';
COMMENT ON COLUMN account_balances.update_reason IS 'Why the balance changed.';
COMMENT ON COLUMN account_balances.updated_by IS 'Who changed it: the engine, an account sync, a person.';
COMMENT ON COLUMN account_balances.last_updated IS 'When the change happened.';
COMMENT ON COLUMN account_balances.request_id IS
'Identifies the request that changed the balance; a trade''s entry carries the trade''s.';
COMMENT ON COLUMN account_balances.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';

CREATE TABLE account_history (
    id bigint GENERATED ALWAYS AS IDENTITY,
    session_id bigint NOT NULL,
    timestamp instant NOT NULL,
    balance amount NOT NULL,
    equity amount NOT NULL,
    margin_used nonnegative NOT NULL DEFAULT 0,
    margin_available amount,
    total_pnl amount,
    daily_pnl amount,
    drawdown ratio,
    open_positions integer NOT NULL DEFAULT 0,
    total_exposure nonnegative NOT NULL DEFAULT 0,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT account_history_pkey PRIMARY KEY (id),
    CONSTRAINT account_history_request_id_key UNIQUE (request_id),
    CONSTRAINT account_history_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id),
    CONSTRAINT account_history_open_positions_nonnegative CHECK (open_positions >= 0)
);

CREATE INDEX account_history_session_id_timestamp_idx ON account_history (session_id, timestamp);

COMMENT ON TABLE account_history IS 'Snapshots of the account over time: the equity curve.';
COMMENT ON COLUMN account_history.id IS 'Identifier.';
COMMENT ON COLUMN account_history.session_id IS 'Session whose account it is.';
COMMENT ON COLUMN account_history.timestamp IS 'When the snapshot was taken.';
COMMENT ON COLUMN account_history.balance IS 'Balance without open positions, in the session''s base currency.';
COMMENT ON COLUMN account_history.equity IS 'Balance and unrealised P&L together, in the session''s base currency.';
COMMENT ON COLUMN account_history.margin_used IS 'Margin that open positions hold, in the session''s base currency.';
COMMENT ON COLUMN account_history.margin_available IS 'Margin left, in the session''s base currency.';
COMMENT ON COLUMN account_history.total_pnl IS 'Net P&L since the session''s start, in the session''s base currency.';
COMMENT ON COLUMN account_history.daily_pnl IS 'Net P&L since 00:00 UTC, in the session''s base currency.';
COMMENT ON COLUMN account_history.drawdown IS '(Running peak - equity) / running peak, as a fraction.';
COMMENT ON COLUMN account_history.open_positions IS 'Number of open positions.';
COMMENT ON COLUMN account_history.total_exposure IS 'Value of the open positions, in the session''s base currency.';
COMMENT ON COLUMN account_history.request_id IS
'Identifies the request that created the row, so that a retry creates nothing.';
COMMENT ON COLUMN account_history.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';

-- What happened and why: system events, and the strategy's decisions.

CREATE TABLE system_events (
    id bigint GENERATED ALWAYS AS IDENTITY,
    session_id bigint,
    timestamp instant NOT NULL,
    event_type event_type NOT NULL,
    severity severity NOT NULL,
    message prose NOT NULL,
    details document,
    component label,
    error_code label,
    stack_trace prose,
    alert_sent boolean NOT NULL DEFAULT FALSE,
    alert_method label,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT system_events_pkey PRIMARY KEY (id),
    CONSTRAINT system_events_request_id_key UNIQUE (request_id),
    CONSTRAINT system_events_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id)
);

CREATE INDEX system_events_session_id_timestamp_idx ON system_events (session_id, timestamp, id);

COMMENT ON TABLE system_events IS 'What happened to the engine and its surroundings.';
COMMENT ON COLUMN system_events.id IS 'Identifier.';
COMMENT ON COLUMN system_events.session_id IS 'Session in which it happened; NULL outside of any.';
COMMENT ON COLUMN system_events.timestamp IS 'When it happened.';
COMMENT ON COLUMN system_events.event_type IS 'What is reported.';
COMMENT ON COLUMN system_events.severity IS 'How urgent it is.';
COMMENT ON COLUMN system_events.message IS 'One sentence for people.';
COMMENT ON COLUMN system_events.details IS 'Particulars for programs.';
COMMENT ON COLUMN system_events.component IS 'Part of the system that reports.';
COMMENT ON COLUMN system_events.error_code IS 'Code of the error, if it is one.';
COMMENT ON COLUMN system_events.stack_trace IS 'Stack trace of the error, if it is one.';
COMMENT ON COLUMN system_events.alert_sent IS 'Whether somebody was alerted.';
COMMENT ON COLUMN system_events.alert_method IS 'How they were alerted.';
COMMENT ON COLUMN system_events.request_id IS
'Identifies the request that created the row, so that a retry creates nothing.';
COMMENT ON COLUMN system_events.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';

CREATE TABLE strategy_executions (
    id bigint GENERATED ALWAYS AS IDENTITY,
    session_id bigint NOT NULL,
    trade_id bigint,
    timestamp instant NOT NULL,
    strategy_name label NOT NULL,
    symbol symbol NOT NULL,
    timeframe label,
    signal_type label NOT NULL,
    signal_strength ratio,
    confidence_score fraction,
    action_taken label NOT NULL,
    price price NOT NULL,
    position_size nonnegative,
    volume nonnegative,
    volatility nonnegative,
    indicators document,
    sentiment_data document,
    ml_predictions document,
    reasons document,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT strategy_executions_pkey PRIMARY KEY (id),
    CONSTRAINT strategy_executions_request_id_key UNIQUE (request_id),
    CONSTRAINT strategy_executions_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id),
    CONSTRAINT strategy_executions_trade_id_fkey FOREIGN KEY (trade_id) REFERENCES trades (id)
);

CREATE INDEX strategy_executions_session_id_timestamp_idx ON strategy_executions (session_id, timestamp);
CREATE INDEX strategy_executions_trade_id_idx ON strategy_executions (trade_id) WHERE trade_id IS NOT NULL;

COMMENT ON TABLE strategy_executions IS 'Every decision of a strategy, also the decision to do nothing.';
COMMENT ON COLUMN strategy_executions.id IS 'Identifier.';
COMMENT ON COLUMN strategy_executions.session_id IS 'Session that decided.';
COMMENT ON COLUMN strategy_executions.trade_id IS 'Completed trade that the decision led to, if any.';
COMMENT ON COLUMN strategy_executions.timestamp IS 'When the decision was made.';
COMMENT ON COLUMN strategy_executions.strategy_name IS 'Strategy that decided.';
COMMENT ON COLUMN strategy_executions.symbol IS 'Instrument.';
COMMENT ON COLUMN strategy_executions.timeframe IS 'Length of one candle, such as 1h.';
COMMENT ON COLUMN strategy_executions.signal_type IS 'What the strategy saw, such as entry, exit or hold.';
COMMENT ON COLUMN strategy_executions.signal_strength IS
'Strength of the signal in the strategy''s own scale, dimensionless.';
COMMENT ON COLUMN strategy_executions.confidence_score IS 'Confidence from 0 to 1.';
COMMENT ON COLUMN strategy_executions.action_taken IS 'What was done about it, such as opened_long or no_action.';
COMMENT ON COLUMN strategy_executions.price IS 'Market price at the decision, in quote currency.';
COMMENT ON COLUMN strategy_executions.position_size IS 'Size decided on, as a fraction of the balance.';
COMMENT ON COLUMN strategy_executions.volume IS 'Traded volume of the candle, in units of the base asset.';
COMMENT ON COLUMN strategy_executions.volatility IS
'Volatility of the price as a fraction, over the strategy''s own window.';
COMMENT ON COLUMN strategy_executions.indicators IS 'Values of the indicators.';
COMMENT ON COLUMN strategy_executions.sentiment_data IS 'Sentiment that was taken into account.';
COMMENT ON COLUMN strategy_executions.ml_predictions IS 'Predictions that were taken into account.';
COMMENT ON COLUMN strategy_executions.reasons IS 'The decision''s reasons.';
COMMENT ON COLUMN strategy_executions.request_id IS
'Identifies the request that created the row, so that a retry creates nothing.';
COMMENT ON COLUMN strategy_executions.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';

-- Functions that look a thing up or refuse by raising. The VOLATILE ones take a new snapshot, so that a statement
-- which waited for a lock sees what was committed meanwhile. SQLSTATE AT404 = not found, AT409 = conflict, AT410 =
-- session is closed, AT412 = the request_id was used with other content, AT422 = the input contradicts what is
-- stored.

CREATE FUNCTION existing_session(wanted bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM FROM trading_sessions WHERE id = wanted;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'AT404', COLUMN = 'session_id', MESSAGE = format('session %s does not exist', wanted);
    END IF;
    RETURN wanted;
END
$$;
COMMENT ON FUNCTION existing_session IS 'The given session''s id; raises AT404 when there is no such session.';

CREATE FUNCTION existing_position(wanted bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM FROM positions WHERE id = wanted;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'AT404', COLUMN = 'position_id', MESSAGE = format('position %s does not exist', wanted);
    END IF;
    RETURN wanted;
END
$$;
COMMENT ON FUNCTION existing_position IS 'The given position''s id; raises AT404 when there is no such position.';

CREATE FUNCTION existing_order(wanted bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM FROM orders WHERE id = wanted;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'AT404', COLUMN = 'order_id', MESSAGE = format('order %s does not exist', wanted);
    END IF;
    RETURN wanted;
END
$$;
COMMENT ON FUNCTION existing_order IS 'The given order''s id; raises AT404 when there is no such order.';

CREATE FUNCTION active_session(wanted bigint) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    ended_at timestamptz;
BEGIN
    SELECT end_time INTO ended_at FROM trading_sessions WHERE id = wanted;
    IF NOT FOUND THEN
        PERFORM existing_session(wanted);
    END IF;
    IF ended_at IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AT410', COLUMN = 'session_id',
            MESSAGE = format('session %s is closed since %s', wanted, ended_at);
    END IF;
    RETURN wanted;
END
$$;
COMMENT ON FUNCTION active_session IS
'The given session''s id; raises AT404 when there is no such session and AT410 when it has ended.';

CREATE FUNCTION refuse_position(wanted bigint, exit_size numeric DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    found positions;
BEGIN
    SELECT * INTO found FROM positions WHERE id = wanted;
    IF found.id IS NULL THEN
        PERFORM existing_position(wanted);
    END IF;
    IF found.status = 'CLOSED' THEN
        RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'position_id',
            MESSAGE = format('position %s is already closed', wanted);
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = 'size',
        MESSAGE = format(
            'position %s has %s of its original size left: %s of it cannot be exited',
            wanted, trim_scale(round(found.current_size / found.original_size, 12)), exit_size
        );
END
$$;
COMMENT ON FUNCTION refuse_position IS
'Says why a position could not be changed: AT404 = it does not exist, AT409 = it is closed, AT422 = less of it '
'is left. Never returns.';

CREATE FUNCTION refuse_request(request uuid) RETURNS uuid
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'AT412', COLUMN = 'request_id',
        MESSAGE = format('request_id %s was already used with other content', request);
END
$$;
COMMENT ON FUNCTION refuse_request IS 'Raises AT412: the request_id is known with other content. Never returns.';

CREATE FUNCTION recorded_trade(request uuid, content_hash bigint) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    found trades;
BEGIN
    SELECT * INTO found FROM trades WHERE request_id = request;
    IF found.request_hash <> content_hash THEN
        PERFORM refuse_request(request);
    END IF;
    RETURN found.id;
END
$$;
COMMENT ON FUNCTION recorded_trade IS
'The trade that the request recorded, NULL when there is none; raises AT412 when its content differs.';

CREATE FUNCTION recorded_partial_trade(request uuid, content_hash bigint) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    found partial_trades;
BEGIN
    SELECT * INTO found FROM partial_trades WHERE request_id = request;
    IF found.request_hash <> content_hash THEN
        PERFORM refuse_request(request);
    END IF;
    RETURN found.id;
END
$$;
COMMENT ON FUNCTION recorded_partial_trade IS
'The partial trade that the request recorded, NULL when there is none; raises AT412 when its content differs.';

CREATE FUNCTION recorded_balance(session bigint, request uuid, content_hash bigint) RETURNS numeric
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    found account_balances;
BEGIN
    -- The lock makes a concurrent twin wait, and then see the entry.
    PERFORM FROM trading_sessions WHERE id = session FOR NO KEY UPDATE;
    SELECT * INTO found FROM account_balances WHERE request_id = request;
    IF found.request_hash <> content_hash THEN
        PERFORM refuse_request(request);
    END IF;
    RETURN found.total_balance;
END
$$;
COMMENT ON FUNCTION recorded_balance IS
'Locks the session; the balance that the request''s ledger entry left, NULL when there is none; raises AT412 '
'when its content differs.';

CREATE FUNCTION locked_balance(session bigint) RETURNS numeric
LANGUAGE sql VOLATILE AS $$
    SELECT active_session(session);
    SELECT current_balance FROM trading_sessions WHERE id = session FOR NO KEY UPDATE
$$;
COMMENT ON FUNCTION locked_balance IS
'Locks the session until the transaction ends; its balance. Raises AT404 and AT410 as active_session does.';

-- How money is booked: the only places that change a balance, a ledger or a row of metrics.

CREATE FUNCTION gross_pnl(side position_side, entry_price numeric, exit_price numeric, quantity numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE side WHEN 'LONG' THEN exit_price - entry_price ELSE entry_price - exit_price END * quantity
$$;
COMMENT ON FUNCTION gross_pnl IS
'P&L before costs, in quote currency: the price''s move in the position''s favour x quantity.';

CREATE FUNCTION drawdown(peak numeric, value numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN peak > 0 THEN round(greatest(peak - value, 0) / peak, 12) ELSE 0 END
$$;
COMMENT ON FUNCTION drawdown IS
'How far value is below peak, as a fraction of peak rounded to 12 digits; 0 without a positive peak.';

CREATE FUNCTION next_streak(streak integer, outcome integer) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN sign(streak) = outcome THEN streak + outcome ELSE outcome END
$$;
COMMENT ON FUNCTION next_streak IS
'Wins in a row (positive) or losses in a row (negative) after one more trade; outcome is the sign of its pnl, '
'and 0 ends any streak.';

CREATE FUNCTION book(
    session bigint,
    change numeric,
    kind ledger_entry_type,
    reason text,
    booked_by text,
    booked_at timestamptz,
    request uuid,
    content_hash bigint
) RETURNS numeric
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    balance numeric;
    number integer;
    currency text;
BEGIN
    UPDATE trading_sessions
       SET current_balance = current_balance + change,
           ledger_entries = ledger_entries + 1
     WHERE id = session AND end_time IS NULL
    RETURNING current_balance, ledger_entries, base_currency INTO balance, number, currency;
    IF NOT FOUND THEN
        PERFORM active_session(session);
    END IF;
    INSERT INTO account_balances (
        session_id, entry_number, entry_type, previous_balance, delta, total_balance, base_currency,
        update_reason, updated_by, last_updated, request_id, request_hash
    ) VALUES (
        session, number, kind, balance - change, change, balance, currency,
        reason, booked_by, booked_at, request, content_hash
    );
    RETURN balance;
END
$$;
COMMENT ON FUNCTION book IS
'Changes a session''s balance and appends the ledger entry for it; the balance after, in the session''s base currency. '
'The session''s row is locked until the transaction ends. Raises AT404 and AT410 as active_session does.';

CREATE FUNCTION book_trade(trade trades, change numeric) RETURNS numeric
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    balance numeric := book(
        trade.session_id, change, 'TRADE', trade.exit_reason, 'engine', trade.exit_time, trade.request_id, trade.request_hash
    );
    outcome integer := sign(trade.pnl);
    day timestamptz := date_trunc('day', trade.exit_time, 'UTC');
BEGIN
    INSERT INTO performance_metrics AS m (
        session_id, period, period_start, period_end, opening_balance, total_trades, winning_trades, losing_trades,
        gross_profit, gross_loss, commission, margin_interest_cost, best_trade_pnl, worst_trade_pnl,
        current_streak, largest_win_streak, largest_loss_streak, peak_balance, max_drawdown
    )
    SELECT trade.session_id, period, period_start, period_end, opening, 1, (outcome > 0)::integer, (outcome < 0)::integer,
           greatest(trade.pnl, 0), greatest(-trade.pnl, 0), trade.commission, trade.margin_interest_cost, trade.pnl, trade.pnl,
           outcome, greatest(outcome, 0), greatest(-outcome, 0), greatest(opening, opening + trade.net_pnl),
           drawdown(greatest(opening, opening + trade.net_pnl), opening + trade.net_pnl)
      FROM (
               -- What partial exits booked before is part of the trade's net P&L.
               VALUES ('DAILY'::metric_period, day, day + interval '24 hours', balance - trade.net_pnl),
                      (
                          'ALL_TIME'::metric_period, 'epoch'::timestamptz, NULL,
                          (SELECT initial_balance FROM trading_sessions WHERE id = trade.session_id)
                      )
           ) AS periods (period, period_start, period_end, opening)
    ON CONFLICT (session_id, period, period_start) DO UPDATE
       SET total_trades = m.total_trades + 1,
           winning_trades = m.winning_trades + excluded.winning_trades,
           losing_trades = m.losing_trades + excluded.losing_trades,
           gross_profit = m.gross_profit + excluded.gross_profit,
           gross_loss = m.gross_loss + excluded.gross_loss,
           commission = m.commission + excluded.commission,
           margin_interest_cost = m.margin_interest_cost + excluded.margin_interest_cost,
           best_trade_pnl = greatest(m.best_trade_pnl, excluded.best_trade_pnl),
           worst_trade_pnl = least(m.worst_trade_pnl, excluded.worst_trade_pnl),
           current_streak = next_streak(m.current_streak, outcome),
           largest_win_streak = greatest(m.largest_win_streak, next_streak(m.current_streak, outcome)),
           largest_loss_streak = greatest(m.largest_loss_streak, -next_streak(m.current_streak, outcome)),
           peak_balance = greatest(m.peak_balance, m.opening_balance + m.net_pnl + trade.net_pnl),
           max_drawdown = greatest(m.max_drawdown, drawdown(m.peak_balance, m.opening_balance + m.net_pnl + trade.net_pnl));
    RETURN balance;
END
$$;
COMMENT ON FUNCTION book_trade IS
'Books a completed trade: the change of the balance with its ledger entry, and the metrics of the trade''s day '
'and of all time. '
'change is the part of the trade''s net P&L that was not booked before (by partial exits). The balance after, '
'in base currency.';

CREATE VIEW recomputed_metrics AS
WITH booked AS (
    SELECT t.session_id, t.pnl, t.net_pnl, t.commission, t.margin_interest_cost,
           l.entry_number, p.opening, p.period, p.period_start, p.period_end
      FROM trades AS t
      JOIN account_balances AS l ON l.request_id = t.request_id
      JOIN trading_sessions AS s ON s.id = t.session_id
     CROSS JOIN LATERAL (
               VALUES (
                          'DAILY'::metric_period,
                          date_trunc('day', t.exit_time, 'UTC'),
                          date_trunc('day', t.exit_time, 'UTC') + interval '24 hours',
                          l.total_balance - t.net_pnl
                      ),
                      ('ALL_TIME'::metric_period, 'epoch'::timestamptz, NULL, s.initial_balance)
           ) AS p (period, period_start, period_end, opening)
), valued AS (
    SELECT *,
           first_value(opening) OVER in_order AS opening_balance,
           first_value(opening) OVER in_order + sum(net_pnl) OVER in_order AS value,
           -- A run of equal outcomes keeps this difference constant.
           row_number() OVER in_order - row_number() OVER (
               PARTITION BY session_id, period, period_start, sign(pnl) ORDER BY entry_number
           ) AS run
      FROM booked
    WINDOW in_order AS (PARTITION BY session_id, period, period_start ORDER BY entry_number)
), measured AS (
    SELECT *,
           greatest(opening_balance, max(value) OVER in_order) AS peak,
           sign(pnl)::integer * row_number() OVER (
               PARTITION BY session_id, period, period_start, sign(pnl), run ORDER BY entry_number
           ) AS streak
      FROM valued
    WINDOW in_order AS (PARTITION BY session_id, period, period_start ORDER BY entry_number)
)
SELECT session_id, period, period_start, period_end, opening_balance,
       count(*)::integer AS total_trades,
       (count(*) FILTER (WHERE pnl > 0))::integer AS winning_trades,
       (count(*) FILTER (WHERE pnl < 0))::integer AS losing_trades,
       coalesce(sum(pnl) FILTER (WHERE pnl > 0), 0) AS gross_profit,
       coalesce(-sum(pnl) FILTER (WHERE pnl < 0), 0) AS gross_loss,
       sum(commission) AS commission,
       sum(margin_interest_cost) AS margin_interest_cost,
       max(pnl) AS best_trade_pnl,
       min(pnl) AS worst_trade_pnl,
       ((array_agg(streak ORDER BY entry_number DESC))[1])::integer AS current_streak,
       greatest(max(streak), 0)::integer AS largest_win_streak,
       greatest(max(-streak), 0)::integer AS largest_loss_streak,
       max(peak) AS peak_balance,
       max(drawdown(peak, value)) AS max_drawdown
  FROM measured
 GROUP BY session_id, period, period_start, period_end, opening_balance;
COMMENT ON VIEW recomputed_metrics IS
'What performance_metrics must say, computed anew from trades and ledger; the columns mean the same.';

CREATE FUNCTION equity_drawdown(session bigint) RETURNS numeric
LANGUAGE sql VOLATILE AS $$
    SELECT max(drawdown(peak, equity))
      FROM (
               SELECT h.equity, max(h.equity) OVER (ORDER BY h.timestamp, h.id) AS peak
                 FROM account_history AS h
                WHERE h.session_id = session
           ) AS curve
$$;
COMMENT ON FUNCTION equity_drawdown IS
'Largest (running peak - equity) / running peak of a session''s snapshots, as a fraction; NULL without snapshots.';

CREATE FUNCTION final_figures(session bigint)
RETURNS TABLE (total_pnl numeric, total_trades integer, win_rate numeric, max_drawdown numeric)
LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(sum(m.net_pnl), 0), coalesce(sum(m.total_trades), 0)::integer, max(m.win_rate),
           coalesce(equity_drawdown(session), max(m.max_drawdown), 0)
      FROM performance_metrics AS m
     WHERE m.session_id = session AND m.period = 'ALL_TIME'
$$;
COMMENT ON FUNCTION final_figures IS
'A session''s figures over all its trades: net P&L in base currency, number of trades, win rate and maximum '
'drawdown as fractions. '
'VOLATILE, so that a statement which waited for the session''s lock counts the trades booked meanwhile.';

CREATE FUNCTION rebuild_metrics(session bigint) RETURNS integer
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    written integer;
BEGIN
    -- Trades of the session wait here, and are counted by themselves afterwards.
    PERFORM existing_session(session);
    PERFORM FROM trading_sessions WHERE id = session FOR NO KEY UPDATE;
    DELETE FROM performance_metrics WHERE session_id = session;
    INSERT INTO performance_metrics (
        session_id, period, period_start, period_end, opening_balance, total_trades, winning_trades, losing_trades,
        gross_profit, gross_loss, commission, margin_interest_cost, best_trade_pnl, worst_trade_pnl,
        current_streak, largest_win_streak, largest_loss_streak, peak_balance, max_drawdown
    )
    SELECT session_id, period, period_start, period_end, opening_balance, total_trades, winning_trades, losing_trades,
           gross_profit, gross_loss, commission, margin_interest_cost, best_trade_pnl, worst_trade_pnl,
           current_streak, largest_win_streak, largest_loss_streak, peak_balance, max_drawdown
      FROM recomputed_metrics
     WHERE session_id = session;
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN written;
END
$$;
COMMENT ON FUNCTION rebuild_metrics IS
'Replaces a session''s rows of performance_metrics by recomputed_metrics; the number of rows. Raises AT404 for '
'an unknown session.';

CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'AT409', MESSAGE = format('%s is append-only: a correction is a new entry', tg_table_name);
END
$$;
COMMENT ON FUNCTION refuse_change IS 'Trigger of append-only tables: refuses every UPDATE with AT409.';

CREATE TRIGGER account_balances_append_only BEFORE UPDATE ON account_balances
FOR EACH ROW EXECUTE FUNCTION refuse_change();
COMMENT ON TRIGGER account_balances_append_only ON account_balances IS 'The ledger is append-only.';

CREATE FUNCTION refuse_backward_order() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    kept orders := old;
BEGIN
    IF old.status IN ('FILLED', 'CANCELLED', 'FAILED', 'EXPIRED') THEN
        -- What says nothing new may be said again, and an order may find its position later.
        kept.last_update := new.last_update;
        kept.position_id := coalesce(old.position_id, new.position_id);
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
