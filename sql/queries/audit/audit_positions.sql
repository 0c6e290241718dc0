-- Contradictions between a session's positions and the fills that made them, by rule and subject.
WITH RECURSIVE own AS MATERIALIZED (
    SELECT p.id, p.session_id, p.continues_position_id, p.symbol, p.side, p.status, p.contract, p.contract_size,
           p.planned_size, p.planned_quantity, p.entry_time, p.quantity, p.original_quantity, p.exited_quantity,
           p.quantity - p.exited_quantity AS due_quantity, p.current_quantity, p.entry_notional, p.exit_notional,
           p.cost_basis, p.entry_price, p.exit_price, p.size, p.original_size, p.current_size, p.unrealized_pnl,
           p.unrealized_pnl_percent, p.realized_pnl, p.pnl_correction, p.last_exit_time, p.exit_time, p.exit_reason
      FROM positions AS p
     WHERE p.session_id = :session_id
       AND existing_session(:session_id) IS NOT NULL
), moved AS MATERIALIZED (
    SELECT f.id, f.position_id, f.filled_at, f.booked_quantity, is_entry(o.order_type) AS is_entry, o.id AS order_id,
           o.position_id AS order_position_id, o.reason, o.order_type
      FROM own AS p
      JOIN order_fills AS f ON f.position_id = p.id AND f.is_booked
      JOIN orders AS o ON o.id = f.order_id
), held AS (
    SELECT position_id,
           min(filled_at) FILTER (WHERE is_entry AND booked_quantity <> 0) AS entered_at,
           max(filled_at) FILTER (WHERE NOT is_entry AND booked_quantity > 0) AS last_exit_at,
           array_agg(DISTINCT filled_at) AS moments,
           array_agg(DISTINCT coalesce(reason, ''))
           || array_agg(DISTINCT lower(order_type::text)) AS reasons
      FROM moved
     GROUP BY position_id
), continued AS (
    SELECT id, id AS earlier_id
      FROM own
     UNION
    SELECT c.id, p.continues_position_id
      FROM continued AS c
      JOIN own AS p ON p.id = c.earlier_id
     WHERE p.continues_position_id IS NOT NULL
), due AS (
    SELECT p.*, h.entered_at, h.last_exit_at, h.moments, h.reasons,
           CASE WHEN p.due_quantity > 0 THEN p.due_quantity ELSE p.quantity END AS priced_quantity,
           CASE WHEN p.due_quantity > 0 THEN p.cost_basis ELSE p.entry_notional END AS priced_value,
           greatest(p.entry_time, h.last_exit_at) AS left_at
      FROM own AS p
      LEFT JOIN held AS h ON h.position_id = p.id
), figures AS (
    SELECT c.identity, 'position ' || d.id || ', ' || c.subject AS subject,
           trim_scale(c.expected)::text AS expected, trim_scale(c.actual)::text AS actual
      FROM due AS d
     CROSS JOIN LATERAL (
               VALUES ('position quantity', 'current_quantity', d.due_quantity, d.current_quantity::numeric),
                      -- The sign is the side's: earned when the value of the exits is above that of what they released.
                      (
                          'realized P&L', 'from values',
                          value_direction(d.side, d.contract) * (d.exit_notional - d.entry_notional + d.cost_basis),
                          d.realized_pnl - d.pnl_correction
                      ),
                      (
                          'position price', 'entry_price',
                          CASE
                              WHEN d.due_quantity <= 0 AND d.quantity = 0 THEN d.entry_price
                              -- As it was given, where it is worth the same.
                              WHEN contract_value(d.contract, d.contract_size, d.priced_quantity, d.entry_price)
                                   = d.priced_value THEN d.entry_price
                              ELSE average_price(d.contract, d.contract_size, d.priced_quantity, d.priced_value)
                          END,
                          d.entry_price
                      ),
                      (
                          'position price', 'exit_price',
                          CASE
                              WHEN d.due_quantity <= 0 AND d.quantity > 0
                                  THEN average_price(d.contract, d.contract_size, d.exited_quantity, d.exit_notional)
                          END,
                          d.exit_price
                      ),
                      (
                          'unrealized P&L', 'unrealized_pnl',
                          CASE d.status WHEN 'CLOSED' THEN 0 ELSE d.unrealized_pnl END, d.unrealized_pnl
                      ),
                      (
                          'unrealized P&L', 'unrealized_pnl_percent',
                          CASE d.status WHEN 'CLOSED' THEN 0 ELSE d.unrealized_pnl_percent END,
                          d.unrealized_pnl_percent
                      )
           ) AS c (identity, subject, expected, actual)
     WHERE c.expected IS DISTINCT FROM c.actual
     UNION ALL
    SELECT 'position size', 'position ' || d.id || ', ' || c.subject, trim_scale(c.expected)::text,
           trim_scale(c.actual)::text
      FROM due AS d
     CROSS JOIN LATERAL (
               VALUES ('size', d.quantity::numeric, d.size::numeric),
                      ('original_size', d.original_quantity, d.original_size),
                      ('current_size', d.current_quantity, d.current_size)
           ) AS s (subject, part, actual)
     CROSS JOIN LATERAL (
               SELECT s.subject, round(s.actual, 18) AS actual,
                      round(d.planned_size * s.part / d.planned_quantity, 18) AS expected
           ) AS c
     WHERE d.quantity > 0
       AND c.expected IS DISTINCT FROM c.actual
       -- A quotient has more digits where its operands show more zeros, which exports do not keep.
       AND (abs(c.expected - c.actual) <= abs(c.actual) * 1e-14) IS NOT TRUE
), states AS (
    SELECT c.identity, 'position ' || d.id || ', ' || c.subject AS subject, c.expected, c.actual
      FROM due AS d
     CROSS JOIN LATERAL (
               VALUES (
                          'position status', 'status',
                          CASE WHEN d.due_quantity > 0 THEN 'OPEN' WHEN d.quantity = 0 THEN 'PLANNED' ELSE 'CLOSED' END,
                          d.status::text
                      ),
                      (
                          'position time', 'entry_time',
                          CASE WHEN d.quantity = 0 THEN d.entry_time ELSE d.entered_at END::text, d.entry_time::text
                      ),
                      ('position time', 'last_exit_time', d.last_exit_at::text, d.last_exit_time::text),
                      (
                          'position time', 'exit_time',
                          CASE
                              WHEN d.status <> 'CLOSED' THEN NULL
                              -- What closed it may be a late fee in the base asset, or a fill under another clock.
                              WHEN d.exit_time > d.left_at AND d.exit_time = any(d.moments) THEN d.exit_time
                              ELSE d.left_at
                          END::text,
                          d.exit_time::text
                      ),
                      (
                          'exit reason', 'exit_reason',
                          CASE
                              WHEN d.status <> 'CLOSED' OR d.exit_reason = any(d.reasons) THEN d.exit_reason
                              ELSE 'that of one of its orders'
                          END,
                          d.exit_reason
                      )
           ) AS c (identity, subject, expected, actual)
     WHERE c.expected IS DISTINCT FROM c.actual
), continuations AS (
    SELECT 'continuation' AS identity, 'position ' || p.id || ', ' || c.subject AS subject, c.expected, c.actual
      FROM own AS p
      LEFT JOIN positions AS e ON e.id = p.continues_position_id
     CROSS JOIN LATERAL (
               VALUES ('continues_position_id', 'a position', CASE WHEN e.id IS NOT NULL THEN 'a position' END),
                      ('session_id', e.session_id::text, p.session_id::text),
                      ('symbol', e.symbol, p.symbol),
                      ('side', e.side::text, p.side::text),
                      ('contract', e.contract::text, p.contract::text),
                      ('status of the earlier one', 'CLOSED', e.status::text)
           ) AS c (subject, expected, actual)
     WHERE p.continues_position_id IS NOT NULL
       AND c.expected IS DISTINCT FROM c.actual
     UNION ALL
    -- An order's fills are in its position or in one that continues it.
    SELECT 'fill position', 'fill ' || m.id || ', position_id', m.order_position_id::text, m.position_id::text
      FROM moved AS m
     WHERE m.order_position_id IS DISTINCT FROM m.position_id
       AND NOT EXISTS (SELECT FROM continued AS c WHERE c.id = m.position_id AND c.earlier_id = m.order_position_id)
)
SELECT identity, subject, expected, actual
  FROM (
           SELECT identity, subject, expected, actual FROM figures
            UNION ALL
           SELECT identity, subject, expected, actual FROM states
            UNION ALL
           SELECT identity, subject, expected, actual FROM continuations
       ) AS findings
 ORDER BY identity, subject
