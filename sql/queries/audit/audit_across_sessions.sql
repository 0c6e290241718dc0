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
    SELECT 'trade position', 'trade ' || t.id, p.session_id::text, t.session_id::text
      FROM trades AS t
      JOIN positions AS p ON p.id = t.position_id
     UNION ALL
    SELECT 'order position', 'order ' || o.id, p.session_id::text, o.session_id::text
      FROM orders AS o
      JOIN positions AS p ON p.id = o.position_id
     UNION ALL
    SELECT 'ledger currency', 'ledger entry ' || l.id, s.base_currency, l.base_currency
      FROM account_balances AS l
      JOIN trading_sessions AS s ON s.id = l.session_id
     UNION ALL
    -- What a position takes out of one session's books comes into another's.
    SELECT 'move', 'position ' || l.position_id || ', sum', '0', trim_scale(sum(l.amount))::text
      FROM account_balances AS l
     WHERE l.entry_type = 'MOVE'
     GROUP BY l.position_id
     UNION ALL
    SELECT 'hold', 'hold of session ' || h.session_id || ', expires_at', 'expired, for the session has ended',
           h.expires_at::text
      FROM session_holds AS h
      JOIN trading_sessions AS s ON s.id = h.session_id
     WHERE s.end_time IS NOT NULL
       AND h.expires_at > clock_timestamp()
     UNION ALL
    SELECT 'hold', 'hold of session ' || h.session_id || ', renewed_at', 'a time that has been', h.renewed_at::text
      FROM session_holds AS h
     WHERE h.renewed_at > clock_timestamp()
     UNION ALL
    -- A session is hidden from every audit once it is marked: the mark has an event that says so.
    SELECT 'purge mark', 'session ' || s.id || ', purge_started_at', 'a PURGE event that names it',
           s.purge_started_at::text
      FROM trading_sessions AS s
     WHERE s.purge_started_at IS NOT NULL
       AND NOT EXISTS (
               SELECT FROM system_events AS e WHERE e.event_type = 'PURGE' AND e.details -> 'sessions' @> to_jsonb(s.id)
           )
     UNION ALL
    SELECT 'purge mark', 'session ' || s.id || ', ledger_entries', 'the number of its entries', NULL
      FROM trading_sessions AS s
     WHERE s.purge_started_at IS NULL
       AND s.ledger_entries IS NULL
)
SELECT identity, subject, expected, actual
  FROM checks
 WHERE expected IS DISTINCT FROM actual
 ORDER BY identity, subject
