-- Contradictions between a session's trades and orders and their sums by day and month.
WITH days AS MATERIALIZED (
    SELECT (SELECT array_agg(k.day::timestamptz) FROM kept_trade_days(:session_id, NULL, NULL) AS k) AS of_trades,
           (SELECT array_agg(k.day) FROM kept_order_days(:session_id, NULL, NULL) AS k (day)) AS of_orders,
           (SELECT array_agg(k.month::timestamptz) FROM kept_trade_months(:session_id, NULL, NULL) AS k) AS of_months
     WHERE existing_session(:session_id) IS NOT NULL
), due AS MATERIALIZED (
    SELECT 'trade days' AS identity, t.day::timestamptz AS day, '' AS part, to_jsonb(t) AS said
      FROM days AS d
     CROSS JOIN LATERAL measured_trade_days(:session_id, d.of_trades) AS t
     UNION ALL
    SELECT 'trade days', p.day, concat_ws(', ', '', p.kept_by, p.strategy_name, p.symbol, p.exit_reason), to_jsonb(p)
      FROM days AS d
     CROSS JOIN LATERAL measured_trade_parts(:session_id, d.of_trades) AS p
     UNION ALL
    SELECT 'trade months', m.month, '', to_jsonb(m)
      FROM days AS d
     CROSS JOIN LATERAL measured_trade_months(:session_id, d.of_months) AS m
     UNION ALL
    SELECT 'trade months', p.month, concat_ws(', ', '', p.kept_by, p.strategy_name, p.symbol, p.exit_reason),
           to_jsonb(p)
      FROM days AS d
     CROSS JOIN LATERAL measured_trade_month_parts(:session_id, d.of_months) AS p
     UNION ALL
    SELECT 'order days', p.day, concat_ws(', ', '', p.kept_by, p.order_type, p.strategy_name, p.symbol), to_jsonb(p)
      FROM days AS d
     CROSS JOIN LATERAL measured_order_parts(:session_id, '-infinity', 'infinity') AS p
     WHERE p.day = any(d.of_orders)
), kept AS MATERIALIZED (
    SELECT 'trade days' AS identity, t.day::timestamptz AS day, '' AS part, to_jsonb(t) AS said
      FROM days AS d
     CROSS JOIN trade_days AS t
     WHERE t.session_id = :session_id
       AND t.day = any(d.of_trades)
     UNION ALL
    SELECT 'trade days', p.day, concat_ws(', ', '', p.kept_by, p.strategy_name, p.symbol, p.exit_reason), to_jsonb(p)
      FROM days AS d
     CROSS JOIN trade_day_parts AS p
     WHERE p.session_id = :session_id
       AND p.day = any(d.of_trades)
     UNION ALL
    SELECT 'trade months', m.month, '', to_jsonb(m)
      FROM days AS d
     CROSS JOIN trade_months AS m
     WHERE m.session_id = :session_id
       AND m.month = any(d.of_months)
     UNION ALL
    SELECT 'trade months', p.month, concat_ws(', ', '', p.kept_by, p.strategy_name, p.symbol, p.exit_reason),
           to_jsonb(p)
      FROM days AS d
     CROSS JOIN trade_month_parts AS p
     WHERE p.session_id = :session_id
       AND p.month = any(d.of_months)
     UNION ALL
    SELECT 'order days', p.day, concat_ws(', ', '', p.kept_by, p.order_type, p.strategy_name, p.symbol), to_jsonb(p)
      FROM days AS d
     CROSS JOIN order_day_parts AS p
     WHERE p.session_id = :session_id
       AND p.day = any(d.of_orders)
), rows_of_days AS (
    SELECT coalesce(k.identity, d.identity) AS identity, coalesce(k.day, d.day) AS day,
           coalesce(k.part, d.part) AS part, d.said AS due, k.said AS kept
      FROM due AS d
      FULL JOIN kept AS k ON k.identity = d.identity AND k.day = d.day AND k.part = d.part
     WHERE k.said IS DISTINCT FROM d.said
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
 ORDER BY identity, subject
