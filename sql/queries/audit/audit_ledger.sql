-- Contradictions between the kinds, times and causes of a session's ledger entries, by rule and subject.
WITH own AS MATERIALIZED (
    SELECT l.entry_number, l.entry_type, l.pnl, l.commission, l.amount, l.total_balance, l.reserved_balance,
           l.asset_balances, l.position_id, l.order_fill_id, l.last_updated, l.request_id,
           s.initial_balance, s.start_time,
           l.entry_type IN ('TRADE', 'FILL', 'FEE', 'MOVE') AS is_of_trading,
           l.entry_type IN ('FILL', 'FEE') AS is_of_fill
      FROM account_balances AS l
      JOIN trading_sessions AS s ON s.id = l.session_id
     WHERE l.session_id = :session_id
       AND existing_session(:session_id) IS NOT NULL
), entry_checks AS (
    SELECT c.identity, 'ledger entry ' || l.entry_number || ', ' || c.subject AS subject, c.expected, c.actual
      FROM own AS l
      LEFT JOIN order_fills AS f ON f.id = l.order_fill_id
      LEFT JOIN system_events AS e
        ON l.entry_type = 'ADJUSTMENT'
       AND e.request_id = l.request_id
       AND e.event_type = 'BALANCE_ADJUSTMENT'
     CROSS JOIN LATERAL (
               VALUES (
                          'ledger kind', 'pnl',
                          CASE WHEN l.is_of_trading AND l.entry_type <> 'FEE' THEN trim_scale(l.pnl)::text ELSE '0' END,
                          trim_scale(l.pnl)::text
                      ),
                      (
                          'ledger kind', 'commission',
                          CASE WHEN l.is_of_trading THEN trim_scale(l.commission)::text ELSE '0' END,
                          trim_scale(l.commission)::text
                      ),
                      (
                          'ledger kind', 'amount',
                          CASE
                              WHEN l.is_of_fill THEN '0'
                              WHEN l.entry_type = 'INITIAL' THEN trim_scale(l.initial_balance)::text
                              ELSE trim_scale(l.amount)::text
                          END,
                          trim_scale(l.amount)::text
                      ),
                      (
                          'ledger kind', 'reserved_balance',
                          CASE l.entry_type WHEN 'ADJUSTMENT' THEN trim_scale(l.reserved_balance)::text ELSE '0' END,
                          trim_scale(l.reserved_balance)::text
                      ),
                      (
                          'ledger kind', 'asset_balances',
                          CASE l.entry_type WHEN 'ADJUSTMENT' THEN l.asset_balances::text END, l.asset_balances::text
                      ),
                      (
                          'ledger kind', 'order_fill_id',
                          CASE
                              WHEN l.is_of_fill THEN coalesce(l.order_fill_id::text, 'a fill')
                              WHEN l.entry_type = 'MOVE' THEN l.order_fill_id::text
                          END,
                          l.order_fill_id::text
                      ),
                      (
                          'ledger kind', 'position_id',
                          CASE
                              WHEN l.is_of_fill OR l.entry_type IN ('FUNDING', 'CORRECTION', 'MOVE')
                                  THEN coalesce(l.position_id::text, 'a position')
                              WHEN l.entry_type = 'INTEREST' THEN l.position_id::text
                          END,
                          l.position_id::text
                      ),
                      (
                          'ledger cause', 'position_id',
                          CASE WHEN f.position_id IS NULL THEN l.position_id ELSE f.position_id END::text,
                          l.position_id::text
                      ),
                      (
                          'ledger time', 'last_updated',
                          CASE
                              WHEN l.entry_type = 'INITIAL' THEN l.start_time
                              WHEN l.is_of_fill AND f.id IS NOT NULL THEN f.filled_at
                              ELSE l.last_updated
                          END::text,
                          l.last_updated::text
                      ),
                      (
                          'ledger event', 'total_balance',
                          CASE
                              WHEN e.id IS NULL OR NOT e.details ? 'new_balance' THEN trim_scale(l.total_balance)::text
                              ELSE trim_scale((e.details ->> 'new_balance')::numeric)::text
                          END,
                          trim_scale(l.total_balance)::text
                      )
           ) AS c (identity, subject, expected, actual)
     WHERE c.expected IS DISTINCT FROM c.actual
), session_checks AS (
    SELECT 'balance set' AS identity, 'session ' || s.id || ', balance_set_at' AS subject, a.set_at::text AS expected,
           s.balance_set_at::text AS actual
      FROM trading_sessions AS s
     CROSS JOIN LATERAL (
               SELECT max(l.last_updated) AS set_at FROM own AS l WHERE l.entry_type = 'ADJUSTMENT'
           ) AS a
     WHERE s.id = :session_id
       AND s.balance_set_at IS DISTINCT FROM a.set_at
     UNION ALL
    -- What was moved is on record beside the money.
    SELECT 'move', 'position ' || l.position_id || ', reconciliation event', 'an event', NULL
      FROM (SELECT DISTINCT position_id FROM own WHERE entry_type = 'MOVE') AS l
     WHERE NOT EXISTS (
               SELECT
                 FROM reconciliation_audit_events AS e
                WHERE e.session_id = :session_id
                  AND e.entity_type = 'position'
                  AND e.field = 'session_id'
                  AND e.entity_id = l.position_id::text
           )
)
SELECT identity, subject, expected, actual
  FROM (
           SELECT identity, subject, expected, actual FROM entry_checks
            UNION ALL
           SELECT identity, subject, expected, actual FROM session_checks
       ) AS findings
 ORDER BY identity, subject
