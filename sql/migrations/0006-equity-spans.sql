-- The equity of every hour and day, kept beside the snapshots; functions and triggers fill it.

CREATE TABLE equity_spans (
    session_id bigint NOT NULL,
    hours smallint NOT NULL,
    start_time instant NOT NULL,
    snapshots positive_integer NOT NULL,
    closing amount NOT NULL,
    last_time instant NOT NULL,
    high amount NOT NULL,
    high_time instant NOT NULL,
    low amount NOT NULL,
    low_time instant NOT NULL,
    low_peak amount NOT NULL,
    fall ratio NOT NULL,
    fall_time instant,
    fall_equity amount,
    fall_peak amount,
    CONSTRAINT equity_spans_pkey PRIMARY KEY (session_id, hours, start_time),
    CONSTRAINT equity_spans_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id),
    CONSTRAINT equity_spans_hours CHECK (hours IN (1, 24)),
    CONSTRAINT equity_spans_fall CHECK (
        num_nulls(fall_time, fall_equity, fall_peak) = CASE fall WHEN 0 THEN 3 ELSE 0 END
    )
);

-- Read by equity_parts: where equity is below zero, a fall from an earlier peak does not follow from what is kept.
CREATE INDEX equity_spans_negative_idx ON equity_spans (session_id, hours, start_time) WHERE low < 0;

CREATE TABLE equity_rolls (
    session_id bigint NOT NULL,
    rolled_until instant,
    unrolled_in bigint,
    CONSTRAINT equity_rolls_pkey PRIMARY KEY (session_id),
    CONSTRAINT equity_rolls_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id)
);
