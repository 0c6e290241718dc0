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
-- Read by claim_session, to find the newest session of an engine.
CREATE INDEX trading_sessions_identity_idx
ON trading_sessions (strategy_name, symbol, timeframe, mode, start_time, id);

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
'Balance now, in base_currency: the sum of the session''s ledger, which a foreign key holds.';
COMMENT ON COLUMN trading_sessions.ledger_entries IS
'Number of the newest entry in account_balances; NULL once the session is being removed.';
COMMENT ON COLUMN trading_sessions.transferred IS
'Deposits less withdrawals so far, in base_currency: neither profit nor loss.';
COMMENT ON COLUMN trading_sessions.balance_set_at IS
'When the newest ADJUSTMENT happened: a balance that was set, or a delta.';
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
COMMENT ON COLUMN trading_sessions.is_verification IS
'Whether the session only shows that recording works; reports leave it out.';
COMMENT ON COLUMN trading_sessions.purge_started_at IS
'Since when the session''s rows are being removed for good; it is not taken up again, and its books need not balance.';
COMMENT ON COLUMN trading_sessions.request_id IS
'Identifies the request that created the row, so that a retry creates nothing.';
COMMENT ON COLUMN trading_sessions.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';
