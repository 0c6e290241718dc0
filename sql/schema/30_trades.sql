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
'Largest (running peak - value) / running peak of opening_balance + cumulative net P&L in order of booking, as a '
'fraction rounded to 12 digits; a session''s maximum drawdown is that of its equity (session_drawdown).';
COMMENT ON COLUMN performance_metrics.win_rate IS 'winning_trades / total_trades, as a fraction.';
COMMENT ON COLUMN performance_metrics.profit_factor IS 'gross_profit / gross_loss; NULL without losses.';
COMMENT ON COLUMN performance_metrics.expectancy IS 'Mean pnl of a trade, in the session''s base currency.';
COMMENT ON COLUMN performance_metrics.avg_win IS 'Mean pnl of the winning trades; NULL without one.';
COMMENT ON COLUMN performance_metrics.avg_loss IS 'Mean pnl of the losing trades, negative; NULL without one.';
