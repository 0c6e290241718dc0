-- Contradictions between a session's trades and partial trades and what they were made of, by rule and subject.
WITH own AS MATERIALIZED (
    SELECT t.id, t.position_id, t.source, t.pnl, t.pnl_percent, t.entry_price, t.exit_price, t.quantity, t.side,
           t.stop_loss, t.take_profit, t.strategy_config, t.confidence_score, t.order_id, t.exchange, t.timeframe,
           t.mfe, t.mfe_price, t.mfe_time, t.mae, t.mae_price, t.mae_time, t.leverage, t.entry_tag,
           t.entry_time, t.exit_time, t.request_id
      FROM trades AS t
     WHERE t.session_id = :session_id
       AND existing_session(:session_id) IS NOT NULL
), trade_checks AS (
    SELECT c.identity, 'trade ' || t.id || ', ' || c.subject AS subject, c.expected, c.actual
      FROM own AS t
      JOIN trading_sessions AS s ON s.id = :session_id
      JOIN positions AS p ON p.id = t.position_id
     CROSS JOIN LATERAL (
               VALUES (
                          'trade', 'pnl_percent',
                          trim_scale(coalesce(round(t.pnl / nullif(abs(p.entry_notional), 0) * 100, 12), 0))::text,
                          trim_scale(t.pnl_percent)::text
                      ),
                      ('trade', 'stop_loss', trim_scale(p.stop_loss)::text, trim_scale(t.stop_loss)::text),
                      ('trade', 'take_profit', trim_scale(p.take_profit)::text, trim_scale(t.take_profit)::text),
                      (
                          'trade', 'confidence_score', trim_scale(p.confidence_score)::text,
                          trim_scale(t.confidence_score)::text
                      ),
                      ('trade', 'exchange', p.exchange, t.exchange),
                      ('trade', 'timeframe', s.timeframe, t.timeframe),
                      ('trade', 'mfe', trim_scale(p.mfe)::text, trim_scale(t.mfe)::text),
                      ('trade', 'mfe_price', trim_scale(p.mfe_price)::text, trim_scale(t.mfe_price)::text),
                      ('trade', 'mfe_time', p.mfe_time::text, t.mfe_time::text),
                      ('trade', 'mae', trim_scale(p.mae)::text, trim_scale(t.mae)::text),
                      ('trade', 'mae_price', trim_scale(p.mae_price)::text, trim_scale(t.mae_price)::text),
                      ('trade', 'mae_time', p.mae_time::text, t.mae_time::text),
                      ('trade', 'leverage', trim_scale(p.leverage)::text, trim_scale(t.leverage)::text),
                      ('trade', 'entry_tag', p.entry_tag, t.entry_tag)
           ) AS c (identity, subject, expected, actual)
     WHERE c.expected IS DISTINCT FROM c.actual
     UNION ALL
    SELECT 'trade', 'trade ' || t.id || ', order_id', 'that of one of its position''s orders', t.order_id
      FROM own AS t
     WHERE t.position_id IS NOT NULL
       AND t.order_id IS NOT NULL
       AND NOT EXISTS (
               SELECT
                 FROM order_fills AS f
                 JOIN orders AS o ON o.id = f.order_id
                WHERE f.position_id = t.position_id
                  AND (o.exchange_order_id = t.order_id OR t.order_id = any(o.former_exchange_order_ids))
           )
     UNION ALL
    SELECT 'trade', 'trade ' || t.id || ', pnl_percent', trim_scale(d.percent)::text, trim_scale(t.pnl_percent)::text
      FROM own AS t
     CROSS JOIN LATERAL (
               SELECT round(
                          coalesce(
                              t.pnl / nullif(t.entry_price * t.quantity, 0),
                              gross_pnl(t.side, t.entry_price, t.exit_price, 1) / nullif(t.entry_price, 0),
                              0
                          ) * 100,
                          12
                      ) AS percent
           ) AS d
     WHERE t.position_id IS NULL
       AND d.percent IS DISTINCT FROM t.pnl_percent
     UNION ALL
    SELECT 'trade', 'trade ' || t.id || ', ' || c.subject, c.expected, c.actual
      FROM own AS t
      JOIN account_balances AS l ON l.request_id = t.request_id
     CROSS JOIN LATERAL (
               VALUES ('exit_time', l.last_updated::text, t.exit_time::text)
           ) AS c (subject, expected, actual)
     WHERE l.entry_type = 'TRADE'
       AND c.expected IS DISTINCT FROM c.actual
), parts AS (
    SELECT t.id, t.position_id, t.order_id, t.size, t.quantity, t.timestamp, p.original_quantity, p.session_id,
           o.session_id AS order_session_id, o.order_type
      FROM positions AS p
      JOIN partial_trades AS t ON t.position_id = p.id
      LEFT JOIN orders AS o ON o.id = t.order_id
     WHERE p.session_id = :session_id
), moved AS (
    SELECT t.id, max(f.filled_at) FILTER (
               WHERE f.booked_quantity <> 0 OR (f.pnl <> 0 AND t.order_type = 'PARTIAL_EXIT')
           ) AS moved_at, min(f.id) AS first_fill_id
      FROM parts AS t
      JOIN order_fills AS f ON f.order_id = t.order_id AND f.position_id = t.position_id AND f.is_booked
     GROUP BY t.id
), entered AS (
    SELECT f.position_id, max(f.id) AS last_fill_id
      FROM order_fills AS f
      JOIN orders AS o ON o.id = f.order_id
     WHERE o.session_id = :session_id AND o.order_type = 'ENTRY' AND f.is_booked AND f.booked_quantity <> 0
     GROUP BY f.position_id
), part_checks AS (
    SELECT 'partial trade' AS identity, 'partial trade ' || t.id || ', ' || c.subject AS subject, c.expected, c.actual
      FROM parts AS t
      LEFT JOIN moved AS m ON m.id = t.id
      LEFT JOIN entered AS e ON e.position_id = t.position_id
     CROSS JOIN LATERAL (
               VALUES (
                          'size',
                          CASE
                              -- A fraction of what the entry had filled by then.
                              WHEN t.original_quantity > 0 AND e.last_fill_id < m.first_fill_id
                                  THEN fraction(t.quantity, t.original_quantity)
                              ELSE trim_scale(t.size)
                          END::text,
                          trim_scale(t.size)::text
                      ),
                      ('timestamp', m.moved_at::text, CASE WHEN m.moved_at IS NOT NULL THEN t.timestamp END::text),
                      ('order_id', 'session ' || t.session_id, coalesce('session ' || t.order_session_id, 'none'))
           ) AS c (subject, expected, actual)
     WHERE c.expected IS DISTINCT FROM c.actual
     UNION ALL
    SELECT DISTINCT 'partial trade', 'order ' || o.id || ', partial trade', 'one of position ' || f.position_id, NULL
      FROM orders AS o
      JOIN order_fills AS f ON f.order_id = o.id AND f.is_booked AND f.booked_quantity <> 0
     WHERE o.session_id = :session_id
       AND o.order_type IN ('PARTIAL_EXIT', 'SCALE_IN')
       AND NOT EXISTS (
               SELECT FROM partial_trades AS t WHERE t.order_id = o.id AND t.position_id = f.position_id
           )
)
SELECT identity, subject, expected, actual
  FROM (
           SELECT identity, subject, expected, actual FROM trade_checks
            UNION ALL
           SELECT identity, subject, expected, actual FROM part_checks
       ) AS findings
 ORDER BY identity, subject
