-- What correlations and exposures were before the newest; upsert_correlation and set_portfolio_exposure fill them.
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
