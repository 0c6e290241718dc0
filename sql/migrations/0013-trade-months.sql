-- What the trades of each month add up to, kept beside those of its days; functions and triggers fill it.

CREATE TABLE trade_months (
    session_id bigint NOT NULL,
    month timestamptz NOT NULL,
    next_month timestamptz NOT NULL,
    trades integer NOT NULL,
    wins integer NOT NULL DEFAULT 0,
    losses integer NOT NULL DEFAULT 0,
    profit numeric NOT NULL DEFAULT 0,
    loss numeric NOT NULL DEFAULT 0,
    commission numeric NOT NULL DEFAULT 0,
    margin_interest_cost numeric NOT NULL DEFAULT 0,
    funding numeric NOT NULL DEFAULT 0,
    net_pnl numeric NOT NULL DEFAULT 0,
    best_pnl numeric NOT NULL DEFAULT 0,
    worst_pnl numeric NOT NULL DEFAULT 0,
    held interval NOT NULL DEFAULT '0',
    wins_held interval,
    losses_held interval,
    first_outcome integer NOT NULL DEFAULT 0,
    first_run integer NOT NULL DEFAULT 0,
    last_outcome integer NOT NULL DEFAULT 0,
    last_run integer NOT NULL DEFAULT 0,
    win_streak integer NOT NULL DEFAULT 0,
    loss_streak integer NOT NULL DEFAULT 0,
    best_day timestamptz,
    best_day_net_pnl numeric NOT NULL DEFAULT 0,
    worst_day timestamptz,
    worst_day_net_pnl numeric NOT NULL DEFAULT 0,
    CONSTRAINT trade_months_pkey PRIMARY KEY (session_id, month),
    CONSTRAINT trade_months_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id)
);

CREATE TABLE trade_month_parts (
    session_id bigint NOT NULL,
    kept_by text NOT NULL,
    month timestamptz NOT NULL,
    strategy_name text NOT NULL,
    symbol text NOT NULL,
    exit_reason text NOT NULL,
    trades integer NOT NULL,
    wins integer NOT NULL,
    losses integer NOT NULL,
    gross_pnl numeric NOT NULL,
    costs numeric NOT NULL,
    net_pnl numeric NOT NULL,
    last_exit_time timestamptz NOT NULL,
    CONSTRAINT trade_month_parts_pkey PRIMARY KEY (session_id, kept_by, month, strategy_name, symbol, exit_reason),
    CONSTRAINT trade_month_parts_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id),
    CONSTRAINT trade_month_parts_kept_by CHECK (
        kept_by IN ('strategy_name', 'symbol', 'exit_reason', 'all of them')
    )
);
