-- What holds data, as of the first release: types, domains, tables, constraints, indexes.
--
-- replaces: 0001-initial, 0002-everything-the-bot-remembers, 0003-operations, 0004-restart, 0005-reporting
-- replaces: 0006-retention, 0007-deployment, 0008-books, 0009-performance

CREATE TYPE position_side AS ENUM ('LONG', 'SHORT');

CREATE TYPE position_status AS ENUM ('PLANNED', 'OPEN', 'CLOSED');

CREATE TYPE contract_type AS ENUM ('LINEAR', 'INVERSE');

CREATE TYPE order_type AS ENUM ('ENTRY', 'PARTIAL_EXIT', 'SCALE_IN', 'FULL_EXIT', 'STOP_LOSS');

CREATE TYPE order_status AS ENUM (
    'PENDING', 'OPEN', 'PARTIALLY_FILLED', 'FILLED', 'CANCELLED', 'FAILED', 'EXPIRED', 'UNKNOWN'
);

CREATE TYPE fill_kind AS ENUM ('FILL', 'CHANGE', 'REST');

CREATE TYPE trade_source AS ENUM ('LIVE', 'BACKTEST', 'PAPER');

CREATE TYPE partial_operation_type AS ENUM ('PARTIAL_EXIT', 'SCALE_IN');

CREATE TYPE event_type AS ENUM (
    'ENGINE_START', 'ENGINE_STOP', 'STRATEGY_CHANGE', 'MODEL_UPDATE', 'ERROR', 'WARNING', 'ALERT',
    'BALANCE_ADJUSTMENT', 'TEST', 'ENGINE_RESUME', 'PURGE', 'BACKUP', 'RESTORE', 'RESTORE_DRILL', 'RESET', 'MAINTENANCE'
);

CREATE TYPE severity AS ENUM ('INFO', 'WARNING', 'ERROR', 'CRITICAL');

CREATE TYPE metric_period AS ENUM ('DAILY', 'WEEKLY', 'MONTHLY', 'ALL_TIME');

CREATE TYPE ledger_entry_type AS ENUM (
    'INITIAL', 'TRADE', 'FILL', 'FEE', 'FUNDING', 'INTEREST', 'TRANSFER', 'ADJUSTMENT', 'CORRECTION', 'MOVE'
);

CREATE TYPE strategy_status AS ENUM ('EXPERIMENTAL', 'TESTING', 'PRODUCTION', 'RETIRED', 'DEPRECATED');

CREATE TYPE strategy_relationship AS ENUM ('EVOLUTION', 'BRANCH', 'MERGE');

CREATE TYPE environment AS ENUM ('DEVELOPMENT', 'STAGING', 'PRODUCTION');

CREATE TYPE session_claim AS ENUM ('CREATED', 'RESUMED', 'REOPENED');

CREATE DOMAIN amount AS numeric
CONSTRAINT amount_finite CHECK (VALUE > -1e30 AND VALUE < 1e30);

CREATE DOMAIN nonnegative AS numeric
CONSTRAINT nonnegative_finite CHECK (VALUE >= 0 AND VALUE < 1e30);

CREATE DOMAIN price AS numeric
CONSTRAINT price_nonnegative CHECK (VALUE >= 0 AND VALUE < 1e30);

CREATE DOMAIN signed_price AS numeric
CONSTRAINT signed_price_finite CHECK (VALUE > -1e30 AND VALUE < 1e30);

CREATE DOMAIN quantity AS numeric
CONSTRAINT quantity_positive CHECK (VALUE > 0 AND VALUE < 1e30);

CREATE DOMAIN size AS numeric
CONSTRAINT size_positive CHECK (VALUE > 0 AND VALUE < 1e6);

CREATE DOMAIN fraction AS numeric
CONSTRAINT fraction_range CHECK (VALUE >= 0 AND VALUE <= 1);

CREATE DOMAIN ratio AS numeric
CONSTRAINT ratio_finite CHECK (VALUE > -1e30 AND VALUE < 1e30);

CREATE DOMAIN instant AS timestamptz
CONSTRAINT instant_plausible CHECK (VALUE >= '1900-01-01 00:00:00+00' AND VALUE < '2200-01-01 00:00:00+00');

CREATE DOMAIN exchange_time AS timestamptz
CONSTRAINT exchange_time_plausible CHECK (VALUE >= '2009-01-03 00:00:00+00' AND VALUE < '2200-01-01 00:00:00+00');

CREATE DOMAIN symbol AS text
CONSTRAINT symbol_form CHECK (VALUE !~ '^[[:space:]]|[[:space:]]$' AND length(VALUE) BETWEEN 1 AND 128);

CREATE DOMAIN label AS text
CONSTRAINT label_form CHECK (VALUE !~ '^[[:space:]]|[[:space:]]$' AND length(VALUE) BETWEEN 1 AND 255);

CREATE DOMAIN prose AS text
CONSTRAINT prose_length CHECK (octet_length(VALUE) BETWEEN 1 AND 1048576);

CREATE DOMAIN document AS jsonb
CONSTRAINT document_size CHECK (pg_column_size(VALUE) <= 16777216);

CREATE DOMAIN counter AS integer
CONSTRAINT counter_nonnegative CHECK (VALUE >= 0);

CREATE DOMAIN positive_integer AS integer
CONSTRAINT positive_integer_positive CHECK (VALUE > 0);

CREATE DOMAIN direction AS smallint
CONSTRAINT direction_sign CHECK (VALUE IN (-1, 0, 1));

CREATE DOMAIN correlation AS numeric
CONSTRAINT correlation_range CHECK (VALUE >= -1 AND VALUE <= 1);

CREATE DOMAIN ttl_seconds AS numeric
CONSTRAINT ttl_seconds_range CHECK (VALUE > 0 AND VALUE <= 315360000);

CREATE DOMAIN time_zone AS text
CONSTRAINT time_zone_form CHECK (VALUE ~ '^(UTC|[A-Za-z]+(/[A-Za-z0-9_+-]+)+)$')
CONSTRAINT time_zone_known CHECK (isfinite(timezone(VALUE, 'epoch'::timestamptz)));

CREATE DOMAIN time_of_day AS text
CONSTRAINT time_of_day_form CHECK (VALUE ~ '^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$');

CREATE DOMAIN weekdays AS jsonb
CONSTRAINT weekdays_form CHECK (
    CASE
        WHEN jsonb_typeof(VALUE) <> 'array' THEN FALSE
        ELSE jsonb_array_length(VALUE) BETWEEN 1 AND 7 AND VALUE <@ '[1, 2, 3, 4, 5, 6, 7]'
    END
);

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
    ledger_entries integer,
    transferred amount NOT NULL DEFAULT 0,
    balance_set_at instant,
    final_balance amount,
    total_pnl amount,
    total_trades integer,
    win_rate fraction,
    max_drawdown ratio,
    strategy_config document,
    time_exit_config document,
    market_timezone label,
    is_verification boolean NOT NULL DEFAULT FALSE,
    purge_started_at instant,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT trading_sessions_pkey PRIMARY KEY (id),
    CONSTRAINT trading_sessions_request_id_key UNIQUE (request_id),
    CONSTRAINT trading_sessions_end_after_start CHECK (end_time >= start_time),
    CONSTRAINT trading_sessions_initial_balance_nonnegative CHECK (initial_balance >= 0),
    CONSTRAINT trading_sessions_ledger_entries_positive CHECK (ledger_entries >= 1),
    CONSTRAINT trading_sessions_ledger_until_purged CHECK ((ledger_entries IS NULL) = (purge_started_at IS NOT NULL)),
    CONSTRAINT trading_sessions_purged_when_ended CHECK (purge_started_at IS NULL OR end_time IS NOT NULL),
    CONSTRAINT trading_sessions_final_figures CHECK (
        num_nulls(end_time, final_balance, total_pnl, total_trades, max_drawdown) IN (0, 5)
    )
) WITH (fillfactor = 70);

CREATE INDEX trading_sessions_active_idx ON trading_sessions (start_time DESC, id DESC) WHERE end_time IS NULL;

CREATE INDEX trading_sessions_identity_idx
ON trading_sessions (strategy_name, symbol, timeframe, mode, start_time, id);

CREATE TABLE session_holds (
    session_id bigint NOT NULL,
    holder label NOT NULL,
    token uuid NOT NULL,
    claim session_claim NOT NULL,
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
    -- CHECKs of a wide row are read anew by every statement that writes it: these are as short as they can be.
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

CREATE INDEX positions_session_id_idx ON positions (session_id);

CREATE UNIQUE INDEX positions_continues_position_id_key ON positions (continues_position_id)
WHERE continues_position_id IS NOT NULL;

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

CREATE UNIQUE INDEX orders_internal_order_id_key ON orders ((session_id::text || ' ' || internal_order_id::text));

CREATE UNIQUE INDEX orders_exchange_order_id_key
ON orders ((session_id::text || ' ' || exchange_order_id::text), symbol);

CREATE INDEX orders_position_id_idx ON orders (position_id);

CREATE INDEX orders_session_id_created_at_idx ON orders (session_id, created_at, id);

CREATE INDEX orders_pending_idx ON orders (session_id, created_at, id)
WHERE status IN ('PENDING', 'OPEN', 'PARTIALLY_FILLED', 'UNKNOWN');

CREATE INDEX orders_unpriced_idx ON orders (session_id) WHERE told_quantity > recorded_quantity AND told_value IS NULL;

CREATE INDEX orders_failed_idx ON orders (session_id, created_at, id) WHERE status = 'FAILED';

CREATE INDEX orders_replaced_order_id_idx ON orders (replaced_order_id) WHERE replaced_order_id IS NOT NULL;

CREATE INDEX orders_former_exchange_order_ids_idx ON orders USING gin (former_exchange_order_ids)
WHERE former_exchange_order_ids IS NOT NULL;

CREATE TABLE order_fills (
    id bigint GENERATED BY DEFAULT AS IDENTITY,
    order_id bigint NOT NULL,
    kind fill_kind NOT NULL,
    exchange_fill_id label,
    quantity quantity,
    price signed_price,
    fee amount,
    fee_currency label,
    commission amount,
    filled_at instant NOT NULL,
    position_id bigint,
    is_booked boolean NOT NULL,
    booked_quantity amount NOT NULL,
    booked_value amount NOT NULL,
    booked_commission amount NOT NULL DEFAULT 0,
    released_cost amount NOT NULL DEFAULT 0,
    pnl amount NOT NULL DEFAULT 0,
    CONSTRAINT order_fills_pkey PRIMARY KEY (id),
    CONSTRAINT order_fills_exchange_fill_id_key UNIQUE (order_id, exchange_fill_id),
    CONSTRAINT order_fills_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders (id),
    CONSTRAINT order_fills_position_id_fkey FOREIGN KEY (position_id) REFERENCES positions (id),
    CONSTRAINT order_fills_execution_is_complete CHECK (
        num_nonnulls(exchange_fill_id, quantity, price) = CASE kind WHEN 'FILL' THEN 3 ELSE 0 END
    ),
    CONSTRAINT order_fills_booked_somewhere CHECK (NOT is_booked OR position_id IS NOT NULL),
    CONSTRAINT order_fills_fee_with_currency CHECK (num_nulls(fee, fee_currency) IN (0, 2))
) WITH (fillfactor = 95);

CREATE INDEX order_fills_position_id_idx ON order_fills (position_id);

CREATE INDEX order_fills_unbooked_idx ON order_fills (position_id, id) WHERE NOT is_booked;

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

CREATE TABLE trades (
    id bigint GENERATED ALWAYS AS IDENTITY,
    session_id bigint NOT NULL,
    position_id bigint,
    symbol symbol NOT NULL,
    side position_side NOT NULL,
    source trade_source NOT NULL,
    entry_price signed_price NOT NULL,
    exit_price signed_price NOT NULL,
    size size,
    quantity quantity,
    entry_time instant NOT NULL,
    exit_time instant NOT NULL,
    pnl amount NOT NULL,
    pnl_percent ratio NOT NULL,
    commission amount NOT NULL DEFAULT 0,
    margin_interest_cost amount NOT NULL DEFAULT 0,
    funding amount NOT NULL DEFAULT 0,
    net_pnl amount NOT NULL GENERATED ALWAYS AS (pnl - commission - margin_interest_cost + funding) STORED,
    stop_loss signed_price,
    take_profit signed_price,
    exit_reason label NOT NULL,
    strategy_name label NOT NULL,
    strategy_config document,
    confidence_score fraction,
    order_id label,
    exchange label,
    timeframe label,
    mfe ratio,
    mfe_price signed_price,
    mfe_time instant,
    mae ratio,
    mae_price signed_price,
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

CREATE UNIQUE INDEX trades_order_id_key ON trades ((session_id::text || ' ' || order_id::text), symbol)
WHERE order_id IS NOT NULL AND position_id IS NULL;

CREATE TABLE account_balances (
    id bigint GENERATED ALWAYS AS IDENTITY,
    session_id bigint NOT NULL,
    entry_number integer NOT NULL,
    previous_entry integer GENERATED ALWAYS AS (nullif(entry_number - 1, 0)) STORED,
    entry_type ledger_entry_type NOT NULL,
    previous_balance amount NOT NULL,
    pnl amount NOT NULL DEFAULT 0,
    commission amount NOT NULL DEFAULT 0,
    amount amount NOT NULL DEFAULT 0,
    delta amount NOT NULL,
    total_balance amount NOT NULL,
    reserved_balance nonnegative NOT NULL DEFAULT 0,
    available_balance amount NOT NULL GENERATED ALWAYS AS (total_balance - reserved_balance) STORED,
    base_currency label NOT NULL,
    position_id bigint,
    order_fill_id bigint,
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
    CONSTRAINT account_balances_sum CHECK (
        delta = pnl - commission + amount AND total_balance = previous_balance + delta
    ),
    CONSTRAINT account_balances_first_entry CHECK (
        (entry_number = 1) = (entry_type = 'INITIAL')
        AND entry_number >= 1
        AND (entry_number > 1 OR previous_balance = 0)
    )
);

CREATE INDEX account_balances_transfers_idx ON account_balances (session_id, last_updated)
WHERE entry_type = 'TRANSFER';

ALTER TABLE trading_sessions ADD CONSTRAINT trading_sessions_balance_fkey
FOREIGN KEY (id, ledger_entries, current_balance)
REFERENCES account_balances (session_id, entry_number, total_balance) DEFERRABLE INITIALLY DEFERRED;

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
    funding amount NOT NULL DEFAULT 0,
    net_pnl amount NOT NULL GENERATED ALWAYS AS (
        gross_profit - gross_loss - commission - margin_interest_cost + funding
    ) STORED,
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

CREATE TYPE booking AS (
    position_id bigint,
    quantity numeric,
    value numeric,
    released_cost numeric,
    pnl numeric,
    rest_quantity numeric,
    rest_value numeric,
    owed_quantity numeric,
    trade_id bigint,
    partial_trade_id bigint
);

CREATE TABLE dynamic_performance_metrics (
    id bigint GENERATED ALWAYS AS IDENTITY,
    session_id bigint NOT NULL,
    timestamp instant NOT NULL,
    rolling_win_rate fraction,
    rolling_sharpe_ratio ratio,
    current_drawdown nonnegative NOT NULL,
    volatility_30d nonnegative,
    consecutive_losses counter NOT NULL,
    consecutive_wins counter NOT NULL,
    risk_adjustment_factor nonnegative NOT NULL,
    profit_factor nonnegative,
    expectancy amount,
    avg_trade_duration_hours nonnegative,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT dynamic_performance_metrics_pkey PRIMARY KEY (id),
    CONSTRAINT dynamic_performance_metrics_request_id_key UNIQUE (request_id),
    CONSTRAINT dynamic_performance_metrics_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id)
);

CREATE INDEX dynamic_performance_metrics_session_id_timestamp_idx
ON dynamic_performance_metrics (session_id, timestamp, id);

CREATE TABLE risk_adjustments (
    id bigint GENERATED ALWAYS AS IDENTITY,
    session_id bigint NOT NULL,
    timestamp instant NOT NULL,
    adjustment_type label NOT NULL,
    trigger_reason label NOT NULL,
    parameter_name label NOT NULL,
    original_value ratio NOT NULL,
    adjusted_value ratio NOT NULL,
    adjustment_factor nonnegative NOT NULL,
    current_drawdown nonnegative,
    performance_score ratio,
    volatility_level nonnegative,
    duration_minutes counter,
    trades_during_adjustment counter,
    pnl_during_adjustment amount,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT risk_adjustments_pkey PRIMARY KEY (id),
    CONSTRAINT risk_adjustments_request_id_key UNIQUE (request_id),
    CONSTRAINT risk_adjustments_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id)
);

CREATE INDEX risk_adjustments_session_id_timestamp_idx ON risk_adjustments (session_id, timestamp, id);

CREATE TABLE optimization_cycles (
    id bigint GENERATED ALWAYS AS IDENTITY,
    session_id bigint,
    timestamp instant NOT NULL,
    strategy_name label NOT NULL,
    symbol symbol NOT NULL,
    timeframe label NOT NULL,
    baseline_metrics document NOT NULL,
    candidate_params document,
    candidate_metrics document,
    validator_report document,
    decision label NOT NULL,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT optimization_cycles_pkey PRIMARY KEY (id),
    CONSTRAINT optimization_cycles_request_id_key UNIQUE (request_id),
    CONSTRAINT optimization_cycles_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id)
);

CREATE INDEX optimization_cycles_timestamp_idx ON optimization_cycles (timestamp, id);

CREATE INDEX optimization_cycles_session_id_idx ON optimization_cycles (session_id) WHERE session_id IS NOT NULL;

CREATE TABLE prediction_cache (
    cache_key label NOT NULL,
    model_name label NOT NULL,
    features_hash label NOT NULL,
    config_hash label NOT NULL,
    predicted_price price NOT NULL,
    confidence fraction NOT NULL,
    direction direction NOT NULL,
    predicted_at instant NOT NULL,
    created_at instant NOT NULL,
    expires_at instant NOT NULL,
    access_count counter NOT NULL,
    last_accessed instant NOT NULL,
    CONSTRAINT prediction_cache_pkey PRIMARY KEY (cache_key),
    CONSTRAINT prediction_cache_expires_later CHECK (expires_at > created_at)
);

CREATE INDEX prediction_cache_last_accessed_idx ON prediction_cache (last_accessed);

CREATE SEQUENCE prediction_cache_insertions CYCLE OWNED BY prediction_cache.cache_key;

CREATE TABLE prediction_performance (
    id bigint GENERATED ALWAYS AS IDENTITY,
    timestamp instant NOT NULL,
    model_name label NOT NULL,
    horizon positive_integer NOT NULL,
    mae nonnegative,
    rmse nonnegative,
    mape nonnegative,
    ic correlation,
    mean_pred ratio,
    std_pred nonnegative,
    mean_real ratio,
    std_real nonnegative,
    strategy_name label,
    symbol symbol,
    timeframe label,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT prediction_performance_pkey PRIMARY KEY (id),
    CONSTRAINT prediction_performance_request_id_key UNIQUE (request_id)
);

CREATE INDEX prediction_performance_model_name_timestamp_idx ON prediction_performance (model_name, timestamp, id);

CREATE TABLE strategy_registry (
    id bigint GENERATED ALWAYS AS IDENTITY,
    strategy_id label NOT NULL,
    name label NOT NULL,
    version label NOT NULL,
    status strategy_status NOT NULL,
    parent_id label,
    merge_source label,
    lineage_path prose NOT NULL,
    branch_name label,
    created_by label NOT NULL,
    description prose,
    tags document,
    signal_generator_config document NOT NULL,
    risk_manager_config document NOT NULL,
    position_sizer_config document NOT NULL,
    regime_detector_config document,
    parameters document,
    performance_summary document,
    validation_results document,
    config_hash label,
    component_hash label,
    created_at instant NOT NULL,
    updated_at instant NOT NULL,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT strategy_registry_pkey PRIMARY KEY (id),
    CONSTRAINT strategy_registry_request_id_key UNIQUE (request_id),
    CONSTRAINT strategy_registry_strategy_id_key UNIQUE (strategy_id),
    CONSTRAINT strategy_registry_name_version_key UNIQUE (name, version),
    CONSTRAINT strategy_registry_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES strategy_registry (strategy_id),
    CONSTRAINT strategy_registry_merge_source_fkey FOREIGN KEY (merge_source)
    REFERENCES strategy_registry (strategy_id),
    CONSTRAINT strategy_registry_parent_is_another CHECK (parent_id <> strategy_id),
    CONSTRAINT strategy_registry_merge_source_is_another CHECK (
        merge_source NOT IN (strategy_id, coalesce(parent_id, strategy_id))
    )
);

CREATE INDEX strategy_registry_parent_id_idx ON strategy_registry (parent_id) WHERE parent_id IS NOT NULL;

CREATE INDEX strategy_registry_merge_source_idx ON strategy_registry (merge_source) WHERE merge_source IS NOT NULL;

CREATE TABLE strategy_versions (
    id bigint GENERATED ALWAYS AS IDENTITY,
    strategy_id label NOT NULL,
    version label NOT NULL,
    changes document NOT NULL,
    performance_delta document,
    is_major boolean NOT NULL,
    component_changes document,
    parameter_changes document,
    created_at instant NOT NULL,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT strategy_versions_pkey PRIMARY KEY (id),
    CONSTRAINT strategy_versions_request_id_key UNIQUE (request_id),
    CONSTRAINT strategy_versions_version_key UNIQUE (strategy_id, version),
    CONSTRAINT strategy_versions_strategy_id_fkey FOREIGN KEY (strategy_id) REFERENCES strategy_registry (strategy_id)
);

CREATE TABLE strategy_performance (
    id bigint GENERATED ALWAYS AS IDENTITY,
    strategy_id label NOT NULL,
    version label NOT NULL,
    period_start instant NOT NULL,
    period_end instant NOT NULL,
    period_type label NOT NULL,
    total_return amount NOT NULL,
    total_return_pct ratio NOT NULL,
    sharpe_ratio ratio,
    sortino_ratio ratio,
    calmar_ratio ratio,
    max_drawdown nonnegative NOT NULL,
    volatility nonnegative,
    var_95 ratio,
    win_rate fraction,
    total_trades counter NOT NULL,
    winning_trades counter NOT NULL,
    losing_trades counter NOT NULL,
    avg_trade_duration_hours nonnegative,
    signal_generator_contribution ratio,
    risk_manager_contribution ratio,
    position_sizer_contribution ratio,
    regime_performance document,
    additional_metrics document,
    test_symbol symbol,
    test_timeframe label,
    test_parameters document,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT strategy_performance_pkey PRIMARY KEY (id),
    CONSTRAINT strategy_performance_request_id_key UNIQUE (request_id),
    CONSTRAINT strategy_performance_version_fkey FOREIGN KEY (strategy_id, version)
    REFERENCES strategy_versions (strategy_id, version),
    CONSTRAINT strategy_performance_end_after_start CHECK (period_end > period_start),
    CONSTRAINT strategy_performance_counts CHECK (winning_trades + losing_trades <= total_trades)
);

CREATE INDEX strategy_performance_strategy_id_period_end_idx ON strategy_performance (strategy_id, period_end, id);

CREATE TABLE strategy_lineage (
    ancestor_id label NOT NULL,
    descendant_id label NOT NULL,
    relationship_type strategy_relationship NOT NULL,
    generation_distance positive_integer NOT NULL DEFAULT 1,
    evolution_reason label,
    change_impact label,
    performance_improvement ratio,
    risk_change ratio,
    created_at instant NOT NULL,
    CONSTRAINT strategy_lineage_pkey PRIMARY KEY (ancestor_id, descendant_id),
    CONSTRAINT strategy_lineage_ancestor_id_fkey FOREIGN KEY (ancestor_id) REFERENCES strategy_registry (strategy_id),
    CONSTRAINT strategy_lineage_descendant_id_fkey FOREIGN KEY (descendant_id)
    REFERENCES strategy_registry (strategy_id),
    CONSTRAINT strategy_lineage_two_strategies CHECK (ancestor_id <> descendant_id)
);

CREATE INDEX strategy_lineage_descendant_id_idx ON strategy_lineage (descendant_id);

CREATE TABLE correlation_matrix (
    window_days positive_integer NOT NULL,
    first_symbol symbol COLLATE "C" NOT NULL,
    second_symbol symbol COLLATE "C" NOT NULL,
    symbol_pair text NOT NULL GENERATED ALWAYS AS (first_symbol || '-' || second_symbol) STORED,
    correlation_value correlation NOT NULL,
    p_value fraction,
    sample_size counter,
    last_updated instant NOT NULL,
    CONSTRAINT correlation_matrix_pkey PRIMARY KEY (window_days, first_symbol, second_symbol),
    CONSTRAINT correlation_matrix_sorted_pair CHECK (first_symbol < second_symbol)
);

CREATE TABLE portfolio_exposures (
    mode trade_source NOT NULL,
    correlation_group label NOT NULL,
    total_exposure nonnegative NOT NULL,
    position_count counter NOT NULL,
    symbols document NOT NULL,
    last_updated instant NOT NULL,
    CONSTRAINT portfolio_exposures_pkey PRIMARY KEY (mode, correlation_group),
    CONSTRAINT portfolio_exposures_symbols_array CHECK (jsonb_typeof(symbols) = 'array')
);

CREATE TABLE market_sessions (
    name label NOT NULL,
    timezone time_zone NOT NULL,
    open_time time,
    close_time time,
    days_of_week weekdays NOT NULL,
    is_24h boolean NOT NULL,
    CONSTRAINT market_sessions_pkey PRIMARY KEY (name),
    CONSTRAINT market_sessions_hours CHECK (num_nonnulls(open_time, close_time) = CASE WHEN is_24h THEN 0 ELSE 2 END)
);

CREATE TABLE system_control_flags (
    name label NOT NULL,
    active boolean NOT NULL,
    reason label NOT NULL,
    source label NOT NULL,
    updated_at instant NOT NULL,
    CONSTRAINT system_control_flags_pkey PRIMARY KEY (name)
);

CREATE TABLE reconciliation_audit_events (
    id bigint GENERATED ALWAYS AS IDENTITY,
    session_id bigint NOT NULL,
    timestamp instant NOT NULL,
    entity_type label NOT NULL,
    entity_id label NOT NULL,
    field label NOT NULL,
    old_value prose,
    new_value prose,
    reason label NOT NULL,
    severity severity NOT NULL,
    request_id uuid NOT NULL DEFAULT gen_random_uuid(),
    request_hash bigint NOT NULL DEFAULT 0,
    CONSTRAINT reconciliation_audit_events_pkey PRIMARY KEY (id),
    CONSTRAINT reconciliation_audit_events_request_id_key UNIQUE (request_id),
    CONSTRAINT reconciliation_audit_events_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id)
);

CREATE INDEX reconciliation_audit_events_session_id_timestamp_idx
ON reconciliation_audit_events (session_id, timestamp, id);

CREATE TABLE deployment (
    singleton boolean NOT NULL DEFAULT TRUE,
    environment environment,
    set_at instant,
    set_by label,
    collation_version label,
    collation_seen_at instant,
    CONSTRAINT deployment_pkey PRIMARY KEY (singleton),
    CONSTRAINT deployment_one_row CHECK (singleton),
    CONSTRAINT deployment_environment_set CHECK (num_nulls(environment, set_at, set_by) IN (0, 3)),
    CONSTRAINT deployment_collation_seen CHECK (num_nulls(collation_version, collation_seen_at) IN (0, 2))
);

CREATE SCHEMA reporting;
