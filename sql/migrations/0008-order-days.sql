-- What the orders of each day add up to, kept beside them; functions and triggers fill it.

CREATE TABLE order_days (
    session_id bigint NOT NULL,
    day timestamptz NOT NULL,
    orders integer NOT NULL,
    CONSTRAINT order_days_pkey PRIMARY KEY (session_id, day),
    CONSTRAINT order_days_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id)
);

CREATE TABLE order_day_parts (
    session_id bigint NOT NULL,
    kept_by text NOT NULL,
    day timestamptz NOT NULL,
    order_type order_type NOT NULL,
    strategy_name text NOT NULL,
    symbol text NOT NULL,
    orders integer NOT NULL,
    filled integer NOT NULL,
    partially_filled integer NOT NULL,
    cancelled integer NOT NULL,
    failed integer NOT NULL,
    expired integer NOT NULL,
    slipped integer NOT NULL,
    slippage numeric,
    worst_slippage numeric,
    slippage_cost numeric,
    commission numeric NOT NULL,
    newest_order timestamptz NOT NULL,
    newest_fill timestamptz,
    CONSTRAINT order_day_parts_pkey PRIMARY KEY (session_id, kept_by, day, order_type, strategy_name, symbol),
    CONSTRAINT order_day_parts_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id),
    CONSTRAINT order_day_parts_kept_by CHECK (kept_by IN ('order_type', 'all of them'))
);
