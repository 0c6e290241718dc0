-- Contradictions between a session's trades and orders and their sums by day and month.
WITH days AS MATERIALIZED (
    SELECT (SELECT array_agg(k.day::timestamptz) FROM kept_trade_days(:session_id, :start, :end) AS k) AS of_trades,
           (SELECT array_agg(k.day) FROM kept_order_days(:session_id, :start, :end) AS k (day)) AS of_orders,
           (SELECT array_agg(k.month::timestamptz) FROM kept_trade_months(:session_id, :start, :end) AS k) AS of_months
), trade_rows AS (
    SELECT coalesce(k.day, d.day) AS day, '' AS part, to_jsonb(d.said) AS due, to_jsonb(k.said) AS kept
      FROM (
               SELECT t AS said, t.day
                 FROM days AS n
                CROSS JOIN LATERAL measured_trade_days(:session_id, n.of_trades) AS t
           ) AS d
      FULL JOIN (
               SELECT t AS said, t.day
                 FROM trade_days AS t
                WHERE t.session_id = :session_id
                  AND (t.day IN (SELECT unnest(n.of_trades) FROM days AS n)) IS TRUE
           ) AS k ON k.day = d.day
     WHERE k.said IS DISTINCT FROM d.said
), trade_parts AS (
    SELECT coalesce(k.day, d.day) AS day,
           concat_ws(
               ', ', '', coalesce(k.kept_by, d.kept_by), coalesce(k.strategy_name, d.strategy_name),
               coalesce(k.symbol, d.symbol), coalesce(k.exit_reason, d.exit_reason)
           ) AS part, to_jsonb(d.said) AS due, to_jsonb(k.said) AS kept
      FROM (
               SELECT p AS said, p.day, p.kept_by, p.strategy_name, p.symbol, p.exit_reason
                 FROM days AS n
                CROSS JOIN LATERAL measured_trade_parts(:session_id, n.of_trades) AS p
           ) AS d
      FULL JOIN (
               SELECT p AS said, p.day, p.kept_by, p.strategy_name, p.symbol, p.exit_reason
                 FROM trade_day_parts AS p
                WHERE p.session_id = :session_id
                  AND (p.day IN (SELECT unnest(n.of_trades) FROM days AS n)) IS TRUE
           ) AS k
            ON k.day = d.day
           AND k.kept_by = d.kept_by
           AND k.strategy_name = d.strategy_name
           AND k.symbol = d.symbol
           AND k.exit_reason = d.exit_reason
     WHERE k.said IS DISTINCT FROM d.said
), month_rows AS (
    SELECT coalesce(k.month, d.month) AS day, '' AS part, to_jsonb(d.said) AS due, to_jsonb(k.said) AS kept
      FROM (
               SELECT t AS said, t.month
                 FROM days AS n
                CROSS JOIN LATERAL measured_trade_months(:session_id, n.of_months) AS t
           ) AS d
      FULL JOIN (
               SELECT t AS said, t.month
                 FROM trade_months AS t
                WHERE t.session_id = :session_id
                  AND (t.month IN (SELECT unnest(n.of_months) FROM days AS n)) IS TRUE
           ) AS k ON k.month = d.month
     WHERE k.said IS DISTINCT FROM d.said
), month_parts AS (
    SELECT coalesce(k.month, d.month) AS day,
           concat_ws(
               ', ', '', coalesce(k.kept_by, d.kept_by), coalesce(k.strategy_name, d.strategy_name),
               coalesce(k.symbol, d.symbol), coalesce(k.exit_reason, d.exit_reason)
           ) AS part, to_jsonb(d.said) AS due, to_jsonb(k.said) AS kept
      FROM (
               SELECT p AS said, p.month, p.kept_by, p.strategy_name, p.symbol, p.exit_reason
                 FROM days AS n
                CROSS JOIN LATERAL measured_trade_month_parts(:session_id, n.of_months) AS p
           ) AS d
      FULL JOIN (
               SELECT p AS said, p.month, p.kept_by, p.strategy_name, p.symbol, p.exit_reason
                 FROM trade_month_parts AS p
                WHERE p.session_id = :session_id
                  AND (p.month IN (SELECT unnest(n.of_months) FROM days AS n)) IS TRUE
           ) AS k
            ON k.month = d.month
           AND k.kept_by = d.kept_by
           AND k.strategy_name = d.strategy_name
           AND k.symbol = d.symbol
           AND k.exit_reason = d.exit_reason
     WHERE k.said IS DISTINCT FROM d.said
), order_parts AS (
    SELECT coalesce(k.day, d.day) AS day,
           concat_ws(
               ', ', '', coalesce(k.kept_by, d.kept_by), coalesce(k.order_type, d.order_type),
               coalesce(k.strategy_name, d.strategy_name), coalesce(k.symbol, d.symbol)
           ) AS part, to_jsonb(d.said) AS due, to_jsonb(k.said) AS kept
      FROM (
               SELECT p AS said, p.day, p.kept_by, p.order_type, p.strategy_name, p.symbol
                 FROM measured_order_parts(
                          :session_id, coalesce(:start::timestamptz, '-infinity'),
                          coalesce(:end::timestamptz, 'infinity')
                      ) AS p
                WHERE (p.day IN (SELECT unnest(n.of_orders) FROM days AS n)) IS TRUE
           ) AS d
      FULL JOIN (
               SELECT p AS said, p.day, p.kept_by, p.order_type, p.strategy_name, p.symbol
                 FROM order_day_parts AS p
                WHERE p.session_id = :session_id
                  AND (p.day IN (SELECT unnest(n.of_orders) FROM days AS n)) IS TRUE
           ) AS k
            ON k.day = d.day
           AND k.kept_by = d.kept_by
           AND k.order_type = d.order_type
           AND k.strategy_name = d.strategy_name
           AND k.symbol = d.symbol
     WHERE k.said IS DISTINCT FROM d.said
), rows_of_days AS MATERIALIZED (
    SELECT 'trade days' AS identity, day, part, due, kept FROM trade_rows
     UNION ALL
    SELECT 'trade days', day, part, due, kept FROM trade_parts
     UNION ALL
    SELECT 'trade months', day, part, due, kept FROM month_rows
     UNION ALL
    SELECT 'trade months', day, part, due, kept FROM month_parts
     UNION ALL
    SELECT 'order days', day, part, due, kept FROM order_parts
)
SELECT r.identity,
       CASE r.identity WHEN 'trade months' THEN 'month ' ELSE 'day ' END
       || to_char(r.day AT TIME ZONE 'UTC', 'YYYY-MM-DD') || r.part || ', ' || c.key AS subject,
       r.due ->> c.key AS expected, r.kept ->> c.key AS actual
  FROM rows_of_days AS r
 CROSS JOIN LATERAL jsonb_each(coalesce(r.kept, r.due)) AS c (key, value)
 WHERE r.due -> c.key IS DISTINCT FROM r.kept -> c.key
   -- Of a row that is missing, or should not be there, one thing says it.
   AND (c.key IN ('trades', 'orders') OR num_nulls(r.due, r.kept) = 0)
   AND existing_session(:session_id) IS NOT NULL
 ORDER BY identity, subject
