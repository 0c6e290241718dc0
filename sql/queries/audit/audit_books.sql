-- Contradictions between the sums of a session's ledger and trades and the session, by rule and subject.
WITH session AS MATERIALIZED (
    SELECT id, start_time, end_time, initial_balance, current_balance, ledger_entries, transferred, balance_set_at,
           final_balance, total_pnl, total_trades, win_rate, max_drawdown
      FROM trading_sessions
     WHERE id = :session_id
), ledger AS MATERIALIZED (
    SELECT coalesce(sum(l.delta), 0) AS delta, count(*) AS entries,
           coalesce(sum(l.amount) FILTER (WHERE l.entry_type = 'TRANSFER'), 0) AS transfers,
           coalesce(sum(l.delta) FILTER (WHERE l.entry_type = 'ADJUSTMENT'), 0) AS adjustments,
           coalesce(sum(l.amount) FILTER (WHERE l.entry_type = 'MOVE'), 0) AS moves,
           coalesce(sum(l.delta) FILTER (WHERE l.entry_type = 'INTEREST' AND l.position_id IS NULL), 0) AS interest,
           max(l.last_updated) FILTER (WHERE l.entry_type = 'ADJUSTMENT') AS set_at
      FROM account_balances AS l
     WHERE l.session_id = :session_id
), closings AS MATERIALIZED (
    SELECT coalesce(sum(t.net_pnl), 0) AS net_pnl, count(*) AS trades, count(*) FILTER (WHERE t.pnl > 0) AS wins
      FROM trades AS t
     WHERE t.session_id = :session_id
), held AS MATERIALIZED (
    SELECT coalesce(sum(p.realized_pnl - p.commission - p.margin_interest_cost + p.funding), 0) AS net
      FROM positions AS p
     WHERE p.session_id = :session_id
       AND p.status <> 'CLOSED'
), session_checks AS (
    SELECT c.identity, 'session ' || s.id || ', ' || c.subject AS subject, c.expected, c.actual
      FROM session AS s
     CROSS JOIN ledger AS l
     CROSS JOIN closings AS t
     CROSS JOIN held AS h
     CROSS JOIN LATERAL (
               VALUES ('ledger sum', 'current_balance', l.delta, s.current_balance::numeric),
                      ('ledger chain', 'ledger_entries', l.entries, s.ledger_entries),
                      ('transfers', 'transferred', l.transfers, s.transferred::numeric),
                      (
                          'balance', 'current_balance',
                          s.initial_balance + t.net_pnl + h.net + l.adjustments + l.transfers + l.interest + l.moves,
                          s.current_balance
                      )
           ) AS c (identity, subject, expected, actual)
     UNION ALL
    SELECT 'final figures', 'session ' || s.id || ', ' || c.subject, c.expected, c.actual
      FROM session AS s
     CROSS JOIN closings AS t
     CROSS JOIN LATERAL (
               VALUES ('final_balance', s.current_balance::numeric, s.final_balance::numeric),
                      ('total_pnl', t.net_pnl, s.total_pnl),
                      ('total_trades', t.trades, s.total_trades),
                      ('win_rate', t.wins::numeric / nullif(t.trades, 0), s.win_rate),
                      ('max_drawdown', session_drawdown(s.id), s.max_drawdown)
           ) AS c (subject, expected, actual)
     WHERE s.end_time IS NOT NULL
     UNION ALL
    -- A trade without a position has one entry of its own.
    SELECT 'ledger cause', coalesce('trade ' || t.id, 'ledger entry ' || l.entry_number) || ', ' || c.subject,
           c.expected, c.actual
      FROM (
               SELECT id, request_id, pnl, commission, funding, margin_interest_cost
                 FROM trades
                WHERE session_id = :session_id AND position_id IS NULL
           ) AS t
      FULL JOIN (
               SELECT entry_number, pnl, commission, amount, request_id
                 FROM account_balances
                WHERE session_id = :session_id AND entry_type = 'TRADE'
           ) AS l ON l.request_id = t.request_id
     CROSS JOIN LATERAL (
               VALUES ('pnl', t.pnl::numeric, l.pnl::numeric),
                      ('commission', t.commission, l.commission),
                      ('funding', t.funding - t.margin_interest_cost, l.amount)
           ) AS c (subject, expected, actual)
     WHERE (t.pnl, t.commission, t.funding - t.margin_interest_cost)
           IS DISTINCT FROM (l.pnl, l.commission, l.amount)
), other_checks AS (
    SELECT 'balance set' AS identity, 'session ' || s.id || ', balance_set_at' AS subject, l.set_at::text AS expected,
           s.balance_set_at::text AS actual
      FROM session AS s
     CROSS JOIN ledger AS l
     WHERE s.balance_set_at IS DISTINCT FROM l.set_at
     UNION ALL
    -- What was moved is on record beside the money.
    SELECT 'move', 'position ' || l.position_id || ', reconciliation event', 'an event', NULL
      FROM (
               SELECT DISTINCT position_id
                 FROM account_balances
                WHERE session_id = :session_id AND entry_type = 'MOVE'
           ) AS l
     WHERE NOT EXISTS (
               SELECT
                 FROM reconciliation_audit_events AS e
                WHERE e.session_id = :session_id
                  AND e.entity_type = 'position'
                  AND e.field = 'session_id'
                  AND e.entity_id = l.position_id::text
           )
     UNION ALL
    SELECT 'trade', 'trade ' || t.id || ', pnl_percent', trim_scale(d.percent)::text, trim_scale(t.pnl_percent)::text
      FROM trades AS t
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
     WHERE t.session_id = :session_id
       AND t.position_id IS NULL
       AND d.percent IS DISTINCT FROM t.pnl_percent
     UNION ALL
    SELECT 'trade', 'trade ' || t.id || ', exit_time', l.last_updated::text, t.exit_time::text
      FROM trades AS t
      JOIN account_balances AS l ON l.request_id = t.request_id
     WHERE t.session_id = :session_id
       AND l.session_id = :session_id
       AND l.entry_type = 'TRADE'
       AND l.last_updated IS DISTINCT FROM t.exit_time
), findings AS (
    SELECT identity, subject, trim_scale(expected)::text AS expected, trim_scale(actual)::text AS actual
      FROM session_checks
     WHERE expected IS DISTINCT FROM actual
     UNION ALL
    SELECT identity, subject, expected, actual
      FROM other_checks
)
SELECT identity, subject, expected, actual
  FROM findings
 WHERE existing_session(:session_id) IS NOT NULL
 ORDER BY identity, subject
