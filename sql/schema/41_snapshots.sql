-- Snapshots of balance and equity over time.

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
    details jsonb,
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
COMMENT ON COLUMN account_history.details IS
'Further figures as the bot computed them, by name: sharpe_ratio, sortino_ratio, calmar_ratio (dimensionless), var_95 '
'(a fraction), and whatever else it keeps with a snapshot; NULL for none.';
COMMENT ON COLUMN account_history.request_id IS
'Identifies the request that created the row, so that a retry creates nothing.';
COMMENT ON COLUMN account_history.request_hash IS
'Hash of that request''s content; the same request_id with another hash is refused.';
