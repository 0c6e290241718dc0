-- Contradictions between sessions, by rule and subject; an empty list if there are none.
WITH live_orders AS (
    SELECT o.id, o.session_id, o.symbol, o.exchange_order_id, s.exchange,
           min(o.session_id) OVER (PARTITION BY s.exchange, o.symbol, o.exchange_order_id) AS first_session_id
      FROM orders AS o
      JOIN trading_sessions AS s ON s.id = o.session_id AND s.mode = 'LIVE'
     WHERE o.exchange_order_id IS NOT NULL
), checks AS (
    SELECT 'one order, one session' AS identity, 'order ' || id AS subject,
           first_session_id::text AS expected, session_id::text AS actual
      FROM live_orders
     UNION ALL
    SELECT 'ledger cause', 'trade ' || t.id, t.session_id::text, l.session_id::text
      FROM trades AS t
      JOIN account_balances AS l ON l.request_id = t.request_id
     UNION ALL
    SELECT 'decision', 'strategy execution ' || e.id, t.session_id::text, e.session_id::text
      FROM strategy_executions AS e
      JOIN trades AS t ON t.id = e.trade_id
     UNION ALL
    SELECT 'trade source', 'trade ' || t.id, s.mode::text, t.source::text
      FROM trades AS t
      JOIN trading_sessions AS s ON s.id = t.session_id
     UNION ALL
    SELECT 'ledger currency', 'ledger entry ' || l.id, s.base_currency, l.base_currency
      FROM account_balances AS l
      JOIN trading_sessions AS s ON s.id = l.session_id
)
SELECT identity, subject, expected, actual
  FROM checks
 WHERE expected IS DISTINCT FROM actual
 ORDER BY identity, subject
