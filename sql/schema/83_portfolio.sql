-- The portfolio and its markets: correlations, exposures, trading hours.

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

COMMENT ON TABLE correlation_matrix IS 'The newest correlation of two symbols'' returns, one row per pair and window.';
COMMENT ON COLUMN correlation_matrix.window_days IS 'Length of the window that was looked at, in days.';
COMMENT ON COLUMN correlation_matrix.first_symbol IS 'Symbol of the pair that sorts first by its bytes.';
COMMENT ON COLUMN correlation_matrix.second_symbol IS 'The other symbol.';
COMMENT ON COLUMN correlation_matrix.symbol_pair IS 'Both, such as BTCUSDT-ETHUSDT.';
COMMENT ON COLUMN correlation_matrix.correlation_value IS 'Coefficient of correlation, from -1 to 1.';
COMMENT ON COLUMN correlation_matrix.p_value IS 'Probability of so much correlation by chance, from 0 to 1.';
COMMENT ON COLUMN correlation_matrix.sample_size IS 'Number of returns that were compared.';
COMMENT ON COLUMN correlation_matrix.last_updated IS 'When it was computed.';

CREATE TABLE correlation_history (
    id bigint GENERATED ALWAYS AS IDENTITY,
    timestamp instant NOT NULL,
    window_days positive_integer NOT NULL,
    first_symbol symbol COLLATE "C" NOT NULL,
    second_symbol symbol COLLATE "C" NOT NULL,
    correlation_value correlation NOT NULL,
    p_value fraction,
    sample_size counter,
    CONSTRAINT correlation_history_pkey PRIMARY KEY (id),
    CONSTRAINT correlation_history_moment_key UNIQUE (window_days, first_symbol, second_symbol, timestamp),
    CONSTRAINT correlation_history_sorted_pair CHECK (first_symbol < second_symbol)
);

COMMENT ON TABLE correlation_history IS
'Every correlation of two symbols'' returns that was stored, one row per pair, window and moment; the newest of each '
'are in correlation_matrix.';
COMMENT ON COLUMN correlation_history.id IS 'Identifier.';
COMMENT ON COLUMN correlation_history.timestamp IS 'When it was computed.';
COMMENT ON COLUMN correlation_history.window_days IS 'Length of the window that was looked at, in days.';
COMMENT ON COLUMN correlation_history.first_symbol IS 'Symbol of the pair that sorts first by its bytes.';
COMMENT ON COLUMN correlation_history.second_symbol IS 'The other symbol.';
COMMENT ON COLUMN correlation_history.correlation_value IS 'Coefficient of correlation, from -1 to 1.';
COMMENT ON COLUMN correlation_history.p_value IS 'Probability of so much correlation by chance, from 0 to 1.';
COMMENT ON COLUMN correlation_history.sample_size IS 'Number of returns that were compared.';

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

COMMENT ON TABLE portfolio_exposures IS
'How much is at stake in each group of correlated symbols, over all sessions of a mode.';
COMMENT ON COLUMN portfolio_exposures.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN portfolio_exposures.correlation_group IS 'Name of the group.';
COMMENT ON COLUMN portfolio_exposures.total_exposure IS
'Sum of the positions'' sizes, as a fraction of the balance; above 1 only with leverage.';
COMMENT ON COLUMN portfolio_exposures.position_count IS 'Number of positions.';
COMMENT ON COLUMN portfolio_exposures.symbols IS 'Symbols in the group, a JSON array.';
COMMENT ON COLUMN portfolio_exposures.last_updated IS 'When it was computed.';

CREATE TABLE exposure_history (
    id bigint GENERATED ALWAYS AS IDENTITY,
    timestamp instant NOT NULL,
    mode trade_source NOT NULL,
    correlation_group label NOT NULL,
    total_exposure nonnegative NOT NULL,
    position_count counter NOT NULL,
    symbols document NOT NULL,
    CONSTRAINT exposure_history_pkey PRIMARY KEY (id),
    CONSTRAINT exposure_history_moment_key UNIQUE (mode, correlation_group, timestamp),
    CONSTRAINT exposure_history_symbols_array CHECK (jsonb_typeof(symbols) = 'array')
);

COMMENT ON TABLE exposure_history IS
'Every exposure of a group of correlated symbols that was stored, one row per mode, group and moment; the newest of '
'each are in portfolio_exposures.';
COMMENT ON COLUMN exposure_history.id IS 'Identifier.';
COMMENT ON COLUMN exposure_history.timestamp IS 'When it was computed.';
COMMENT ON COLUMN exposure_history.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN exposure_history.correlation_group IS 'Name of the group.';
COMMENT ON COLUMN exposure_history.total_exposure IS
'Sum of the positions'' sizes, as a fraction of the balance; above 1 only with leverage.';
COMMENT ON COLUMN exposure_history.position_count IS 'Number of positions.';
COMMENT ON COLUMN exposure_history.symbols IS 'Symbols in the group, a JSON array.';

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

COMMENT ON TABLE market_sessions IS 'When markets are open, by the clock on their own wall.';
COMMENT ON COLUMN market_sessions.name IS 'Name of the market.';
COMMENT ON COLUMN market_sessions.timezone IS 'IANA time zone of the other columns.';
COMMENT ON COLUMN market_sessions.open_time IS 'Local time from which on the market is open; NULL when is_24h.';
COMMENT ON COLUMN market_sessions.close_time IS
'Local time from which on it is closed: on the next day when it is not after open_time; NULL when is_24h.';
COMMENT ON COLUMN market_sessions.days_of_week IS 'Local days on which it opens: 1 = Monday to 7 = Sunday.';
COMMENT ON COLUMN market_sessions.is_24h IS 'Whether it is open from midnight to midnight on these days.';

CREATE FUNCTION existing_market(wanted text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM FROM market_sessions WHERE name = wanted;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'AT404', COLUMN = 'name', MESSAGE = format('market %s is not defined', wanted);
    END IF;
    RETURN wanted;
END
$$;
COMMENT ON FUNCTION existing_market IS 'The given market''s name; raises AT404 when there is no such market.';
