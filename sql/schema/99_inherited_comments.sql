-- Comments of views' columns that have none of their own. A column inherits that of the only table's column of its name
-- that the view reads; else that of the column that it shows by another name; else that of the figure of its name in
-- performance_metrics. Where none of these is meant, the list below names the column whose comment it is.
DO $$
DECLARE
    inherited record;
BEGIN
    FOR inherited IN
        WITH columns AS (
            SELECT v.oid, a.attnum, a.attname, format('%I.%I.%I', n.nspname, v.relname, a.attname) AS subject
              FROM pg_class AS v
              JOIN pg_namespace AS n ON n.oid = v.relnamespace AND n.nspname IN ('public', 'reporting')
              JOIN pg_attribute AS a ON a.attrelid = v.oid AND a.attnum > 0 AND NOT a.attisdropped
             WHERE v.relkind = 'v'
               AND col_description(v.oid, a.attnum) IS NULL
        ),
        origins AS MATERIALIZED (
            -- The server notes from which column of which table each column of a query is. The view's own list of
            -- columns comes behind those of the queries in it.
            SELECT w.ev_class AS oid, m.parts[1]::integer AS attnum, m.parts[2] AS attname,
                   m.parts[3]::oid AS source, m.parts[4]::integer AS number, m.place
              FROM pg_rewrite AS w
             CROSS JOIN LATERAL regexp_matches(
                       w.ev_action::text,
                       ':resno (\d+) :resname (\S+) :ressortgroupref \d+ :resorigtbl (\d+) :resorigcol (\d+) :resjunk f',
                       'g'
                   ) WITH ORDINALITY AS m (parts, place)
             WHERE w.ev_class IN (SELECT oid FROM columns)
        ),
        shown AS (
            SELECT DISTINCT ON (c.oid, c.attnum)
                   c.oid, c.attnum, col_description(o.source, o.number) AS comment
              FROM columns AS c
              JOIN origins AS o ON o.oid = c.oid AND o.attnum = c.attnum AND o.attname = c.attname
             ORDER BY c.oid, c.attnum, o.place DESC
        ),
        named AS (
            SELECT c.oid, c.attnum, min(col_description(d.refobjid, d.refobjsubid)) AS comment
              FROM columns AS c
              JOIN pg_rewrite AS w ON w.ev_class = c.oid
              JOIN pg_depend AS d
                ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
                   AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> c.oid
              JOIN pg_attribute AS t
                ON t.attrelid = d.refobjid AND t.attnum = d.refobjsubid AND t.attname = c.attname
             GROUP BY c.oid, c.attnum
            -- Where two tables have a column of that name, somebody has to say which is meant.
            HAVING count(DISTINCT d.refobjid) = 1
        ),
        listed (subject, origin, attname) AS (
            -- They come out of functions, or one of several tables is meant.
            VALUES
                ('public.recomputed_metrics.session_id', 'performance_metrics', 'session_id'),
                ('public.recomputed_metrics.commission', 'performance_metrics', 'commission'),
                ('public.recomputed_metrics.margin_interest_cost', 'performance_metrics', 'margin_interest_cost'),
                ('public.recomputed_metrics.funding', 'performance_metrics', 'funding'),
                ('reporting.order_quality.order_type', 'orders', 'order_type'),
                ('reporting.order_quality.total_orders', 'order_day_parts', 'orders'),
                ('reporting.order_quality.filled_orders', 'order_day_parts', 'filled'),
                ('reporting.order_quality.cancelled_orders', 'order_day_parts', 'cancelled'),
                ('reporting.order_quality.failed_orders', 'order_day_parts', 'failed'),
                ('reporting.order_quality.slipped_orders', 'order_day_parts', 'slipped'),
                ('reporting.order_quality.slippage_cost', 'order_day_parts', 'slippage_cost'),
                ('reporting.decisions."time"', 'strategy_executions', 'timestamp'),
                ('reporting.decisions.decision_id', 'strategy_executions', 'id'),
                ('reporting.decisions.session_id', 'strategy_executions', 'session_id'),
                ('reporting.decisions.trade_id', 'strategy_executions', 'trade_id'),
                ('reporting.decisions.strategy_name', 'strategy_executions', 'strategy_name'),
                ('reporting.decisions.symbol', 'strategy_executions', 'symbol'),
                ('reporting.decisions.timeframe', 'strategy_executions', 'timeframe'),
                ('reporting.decisions.signal_type', 'strategy_executions', 'signal_type'),
                ('reporting.decisions.signal_strength', 'strategy_executions', 'signal_strength'),
                ('reporting.decisions.confidence_score', 'strategy_executions', 'confidence_score'),
                ('reporting.decisions.action_taken', 'strategy_executions', 'action_taken'),
                ('reporting.decisions.price', 'strategy_executions', 'price'),
                ('reporting.decisions.position_size', 'strategy_executions', 'position_size'),
                ('reporting.decisions.volume', 'strategy_executions', 'volume'),
                ('reporting.decisions.volatility', 'strategy_executions', 'volatility'),
                ('reporting.decisions.indicators', 'strategy_executions', 'indicators'),
                ('reporting.decisions.reasons', 'strategy_executions', 'reasons'),
                ('reporting.pnl_by_strategy.strategy_name', 'trade_day_parts', 'strategy_name'),
                ('reporting.pnl_by_symbol.symbol', 'trade_day_parts', 'symbol'),
                ('reporting.pnl_by_exit_reason.exit_reason', 'trade_day_parts', 'exit_reason')
        ),
        meant AS (
            SELECT l.subject, col_description(a.attrelid, a.attnum) AS comment
              FROM listed AS l
              JOIN pg_attribute AS a ON a.attrelid = l.origin::regclass AND a.attname = l.attname
        ),
        figures AS (
            SELECT a.attname, col_description(a.attrelid, a.attnum) AS comment
              FROM pg_attribute AS a
             WHERE a.attrelid = 'public.performance_metrics'::regclass
               AND a.attnum > 0
        )
        SELECT c.subject, coalesce(m.comment, n.comment, s.comment, f.comment) AS comment
          FROM columns AS c
          LEFT JOIN meant AS m USING (subject)
          LEFT JOIN shown AS s USING (oid, attnum)
          LEFT JOIN named AS n USING (oid, attnum)
          LEFT JOIN figures AS f USING (attname)
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s IS %L', inherited.subject, inherited.comment);
    END LOOP;
END
$$;
