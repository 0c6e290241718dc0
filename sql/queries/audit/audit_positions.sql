-- Contradictions between a session's positions and their fills, ledger entries and trades, by rule and subject.
WITH RECURSIVE fills AS MATERIALIZED (
    SELECT f.id, f.position_id, f.is_booked, f.booked_quantity, f.booked_value, f.booked_commission, f.released_cost,
           f.pnl, f.filled_at, o.position_id AS order_position_id, is_entry(o.order_type) AS is_entry,
           o.order_type = 'ENTRY' AS is_original, o.reason, o.exchange_order_id
      FROM order_fills AS f
      JOIN orders AS o ON o.id = f.order_id
     WHERE o.session_id = :session_id
       AND (
           (:first_position::bigint IS NULL OR f.position_id >= :first_position)
           AND (:last_position::bigint IS NULL OR f.position_id <= :last_position)
           -- What has no position is compared with the first ones.
           OR :first_position IS NULL AND f.position_id IS NULL
       )
), held AS (
    SELECT position_id,
           sum(booked_quantity) FILTER (WHERE is_booked AND is_entry) AS entered,
           sum(booked_quantity) FILTER (WHERE is_booked AND is_original) AS original,
           sum(booked_quantity) FILTER (WHERE is_booked AND NOT is_entry) AS exited,
           sum(abs(booked_quantity)) FILTER (WHERE NOT is_booked) AS unbooked,
           sum(booked_value) FILTER (WHERE is_booked AND is_entry) AS entered_value,
           sum(booked_value) FILTER (WHERE is_booked AND NOT is_entry) AS exited_value,
           sum(released_cost) FILTER (WHERE is_booked) AS released,
           sum(pnl) FILTER (WHERE is_booked) AS pnl,
           sum(booked_commission) FILTER (WHERE is_booked) AS commission,
           min(filled_at) FILTER (WHERE is_booked AND is_entry AND booked_quantity <> 0) AS entered_at,
           max(filled_at) FILTER (WHERE is_booked AND NOT is_entry AND booked_quantity > 0) AS last_exit_at,
           -- One of those that it may be, mostly the only one: where it is another, the fills are looked at again.
           max(reason COLLATE "C") FILTER (WHERE is_booked AND NOT is_entry) AS a_reason,
           max(exchange_order_id COLLATE "C") FILTER (WHERE NOT is_entry) AS an_order_id
      FROM fills
     WHERE position_id IS NOT NULL
     GROUP BY position_id
), ledger AS MATERIALIZED (
    SELECT l.entry_number, l.entry_type, l.position_id, l.order_fill_id, l.pnl, l.commission, l.amount
      FROM account_balances AS l
     WHERE l.session_id = :session_id
       AND (
           (:first_position::bigint IS NULL OR l.position_id >= :first_position)
           AND (:last_position::bigint IS NULL OR l.position_id <= :last_position)
           OR :first_position IS NULL AND l.position_id IS NULL
       )
), booked AS (
    SELECT position_id,
           sum(pnl) AS pnl,
           sum(pnl) FILTER (WHERE entry_type = 'CORRECTION') AS corrections,
           sum(commission) AS commission,
           sum(amount) FILTER (WHERE entry_type = 'FUNDING') AS funding,
           -sum(amount) FILTER (WHERE entry_type = 'INTEREST') AS interest
      FROM ledger
     WHERE position_id IS NOT NULL
     GROUP BY position_id
), elsewhere AS MATERIALIZED (
    SELECT b.position_id, b.pnl, b.commission, b.funding, b.interest
      FROM booked AS b
     WHERE NOT EXISTS (SELECT FROM positions AS p WHERE p.session_id = :session_id AND p.id = b.position_id)
), parts AS (
    SELECT r.position_id,
           count(*) FILTER (WHERE r.operation_type = 'PARTIAL_EXIT') AS exits,
           count(*) FILTER (WHERE r.operation_type = 'SCALE_IN') AS scale_ins
      FROM positions AS p
      JOIN partial_trades AS r ON r.position_id = p.id
     WHERE p.session_id = :session_id
       AND (:first_position::bigint IS NULL OR p.id >= :first_position)
       AND (:last_position::bigint IS NULL OR p.id <= :last_position)
     GROUP BY r.position_id
), due AS (
    SELECT p.id, p.status, p.planned_size, p.planned_quantity, p.entry_time, p.quantity, p.original_quantity,
           p.exited_quantity, p.current_quantity, p.unbooked_quantity, p.entry_notional, p.exit_notional, p.cost_basis,
           p.entry_price, p.exit_price, p.size, p.original_size, p.current_size, p.unrealized_pnl,
           p.unrealized_pnl_percent, p.realized_pnl, p.pnl_correction, p.commission, p.funding, p.margin_interest_cost,
           p.partial_exits_taken, p.scale_ins_taken, p.last_exit_time, p.exit_time, p.exit_reason,
           d.held_quantity, t.id AS trade_id, t.order_id, (t.id IS NOT NULL)::integer AS trades,
           coalesce(h.entered, 0) AS due_quantity, coalesce(h.original, 0) AS due_original,
           coalesce(h.exited, 0) AS due_exited, coalesce(h.unbooked, 0) AS due_unbooked,
           coalesce(h.entered_value, 0) AS due_entry_notional, coalesce(h.exited_value, 0) AS due_exit_notional,
           coalesce(h.entered_value, 0) - coalesce(h.released, 0) AS due_cost_basis,
           coalesce(h.pnl, 0) + coalesce(b.corrections, 0) AS due_pnl, coalesce(b.pnl, 0) AS ledger_pnl,
           -- The sign is the side's: earned when the value of the exits is above that of what they released.
           value_direction(p.side, p.contract) * (p.exit_notional - p.entry_notional + p.cost_basis) AS pnl_from_values,
           p.realized_pnl - p.pnl_correction AS uncorrected_pnl,
           coalesce(h.commission, 0) AS due_commission, coalesce(b.commission, 0) AS ledger_commission,
           coalesce(b.funding, 0) AS due_funding, coalesce(b.interest, 0) AS due_interest,
           coalesce(n.exits, 0) AS due_exits, coalesce(n.scale_ins, 0) AS due_scale_ins,
           (p.status = 'CLOSED')::integer AS due_trades,
           CASE
               WHEN d.held_quantity <= 0 AND p.quantity = 0 THEN p.entry_price
               -- As it was given, where it is worth the same.
               WHEN p.contract = 'LINEAR' AND d.priced_quantity * p.contract_size * p.entry_price = d.priced_value
                   THEN p.entry_price
               WHEN contract_value(p.contract, p.contract_size, d.priced_quantity, p.entry_price) = d.priced_value
                   THEN p.entry_price
               ELSE average_price(p.contract, p.contract_size, d.priced_quantity, d.priced_value)
           END AS due_entry_price,
           CASE
               WHEN d.held_quantity <= 0 AND p.quantity > 0
                   THEN average_price(p.contract, p.contract_size, p.exited_quantity, p.exit_notional)
           END AS due_exit_price,
           CASE p.status WHEN 'CLOSED' THEN 0 ELSE p.unrealized_pnl END AS due_unrealized,
           CASE p.status WHEN 'CLOSED' THEN 0 ELSE p.unrealized_pnl_percent END AS due_unrealized_percent,
           CASE
               WHEN d.held_quantity > 0 THEN 'OPEN'::position_status
               WHEN p.quantity = 0 THEN 'PLANNED'
               ELSE 'CLOSED'
           END AS due_status,
           CASE WHEN p.quantity = 0 THEN p.entry_time ELSE h.entered_at END AS due_entry_time,
           h.last_exit_at AS due_last_exit_time,
           CASE
               WHEN p.status <> 'CLOSED' THEN NULL
               -- What closed it may be a late fee in the base asset, or a fill under another clock.
               WHEN p.exit_time > greatest(p.entry_time, h.last_exit_at)
                AND EXISTS (
                        SELECT
                          FROM order_fills AS f
                         WHERE f.position_id = p.id AND f.is_booked AND f.filled_at = p.exit_time
                    )
                   THEN p.exit_time
               ELSE greatest(p.entry_time, h.last_exit_at)
           END AS due_exit_time,
           CASE
               WHEN p.status <> 'CLOSED' OR p.exit_reason = h.a_reason THEN p.exit_reason::text
               WHEN EXISTS (
                        SELECT
                          FROM order_fills AS f
                          JOIN orders AS o ON o.id = f.order_id
                         WHERE f.position_id = p.id
                           AND f.is_booked
                           AND p.exit_reason IN (o.reason, lower(o.order_type::text))
                    )
                   THEN p.exit_reason
               ELSE 'that of one of its orders'
           END AS due_exit_reason,
           CASE
               WHEN t.order_id IS NULL OR t.order_id = h.an_order_id THEN t.order_id::text
               WHEN EXISTS (
                        SELECT
                          FROM order_fills AS f
                          JOIN orders AS o ON o.id = f.order_id
                         WHERE f.position_id = p.id
                           AND (o.exchange_order_id = t.order_id OR t.order_id = any(o.former_exchange_order_ids))
                    )
                   THEN t.order_id
               ELSE 'that of one of its position''s orders'
           END AS due_order_id
      FROM positions AS p
     CROSS JOIN LATERAL (
               SELECT p.quantity - p.exited_quantity AS held_quantity,
                      CASE WHEN p.quantity > p.exited_quantity THEN p.quantity - p.exited_quantity ELSE p.quantity END
                          AS priced_quantity,
                      CASE WHEN p.quantity > p.exited_quantity THEN p.cost_basis ELSE p.entry_notional END
                          AS priced_value
           ) AS d
      LEFT JOIN held AS h ON h.position_id = p.id
      LEFT JOIN booked AS b ON b.position_id = p.id
      LEFT JOIN parts AS n ON n.position_id = p.id
      LEFT JOIN trades AS t
            ON t.position_id = p.id
           AND t.session_id = :session_id
           AND (:first_position::bigint IS NULL OR t.position_id >= :first_position)
           AND (:last_position::bigint IS NULL OR t.position_id <= :last_position)
     WHERE p.session_id = :session_id
       AND (:first_position::bigint IS NULL OR p.id >= :first_position)
       AND (:last_position::bigint IS NULL OR p.id <= :last_position)
), suspects AS MATERIALIZED (
    -- Most rows are as they should be, and only these are looked at column by column.
    SELECT *
      FROM due
     WHERE (
               due_quantity, due_original, due_exited, due_unbooked, held_quantity, due_entry_notional,
               due_exit_notional, due_cost_basis, due_pnl, ledger_pnl, pnl_from_values, due_commission,
               ledger_commission, due_funding, due_interest, due_exits, due_scale_ins, due_trades, due_entry_price,
               due_exit_price, due_unrealized, due_unrealized_percent, due_status, due_entry_time, due_last_exit_time,
               due_exit_time, due_exit_reason, due_order_id
           )
           IS DISTINCT FROM (
               quantity, original_quantity, exited_quantity, unbooked_quantity, current_quantity, entry_notional,
               exit_notional, cost_basis, realized_pnl, realized_pnl, uncorrected_pnl, commission, commission, funding,
               margin_interest_cost, partial_exits_taken, scale_ins_taken, trades, entry_price, exit_price,
               unrealized_pnl, unrealized_pnl_percent, status, entry_time, last_exit_time, exit_time, exit_reason,
               order_id
           )
), figures AS (
    SELECT c.identity, 'position ' || s.id || ', ' || c.subject AS subject,
           trim_scale(c.expected)::text AS expected, trim_scale(c.actual)::text AS actual
      FROM suspects AS s
     CROSS JOIN LATERAL (
               VALUES ('position quantity', 'quantity', s.due_quantity, s.quantity::numeric),
                      ('position quantity', 'original_quantity', s.due_original, s.original_quantity),
                      ('position quantity', 'exited_quantity', s.due_exited, s.exited_quantity),
                      ('position quantity', 'unbooked_quantity', s.due_unbooked, s.unbooked_quantity),
                      ('position quantity', 'current_quantity', s.held_quantity, s.current_quantity),
                      ('position value', 'entry_notional', s.due_entry_notional, s.entry_notional),
                      ('position value', 'exit_notional', s.due_exit_notional, s.exit_notional),
                      ('position value', 'cost_basis', s.due_cost_basis, s.cost_basis),
                      ('realized P&L', 'realized_pnl', s.due_pnl, s.realized_pnl),
                      ('realized P&L', 'ledger', s.realized_pnl, s.ledger_pnl),
                      ('realized P&L', 'from values', s.pnl_from_values, s.uncorrected_pnl),
                      ('position costs', 'commission', s.due_commission, s.commission),
                      ('position costs', 'ledger commission', s.commission, s.ledger_commission),
                      ('position costs', 'funding', s.due_funding, s.funding),
                      ('position costs', 'margin_interest_cost', s.due_interest, s.margin_interest_cost),
                      ('partial count', 'partial_exits_taken', s.due_exits, s.partial_exits_taken),
                      ('partial count', 'scale_ins_taken', s.due_scale_ins, s.scale_ins_taken),
                      ('one trade', 'trades', s.due_trades, s.trades),
                      -- Releases up to 0.11.0 rounded averages twice: they may be one unit of the last digit away.
                      (
                          'position price', 'entry_price',
                          CASE
                              WHEN abs(s.due_entry_price - s.entry_price) <= 1e-24 THEN s.entry_price
                              ELSE s.due_entry_price
                          END,
                          s.entry_price
                      ),
                      (
                          'position price', 'exit_price',
                          CASE
                              WHEN abs(s.due_exit_price - s.exit_price) <= 1e-24 THEN s.exit_price
                              ELSE s.due_exit_price
                          END,
                          s.exit_price
                      ),
                      ('unrealized P&L', 'unrealized_pnl', s.due_unrealized, s.unrealized_pnl),
                      (
                          'unrealized P&L', 'unrealized_pnl_percent', s.due_unrealized_percent,
                          s.unrealized_pnl_percent
                      )
           ) AS c (identity, subject, expected, actual)
     WHERE c.expected IS DISTINCT FROM c.actual
), states AS (
    SELECT c.identity, c.subject, c.expected, c.actual
      FROM suspects AS s
     CROSS JOIN LATERAL (
               VALUES ('position status', 'position ' || s.id || ', status', s.due_status::text, s.status::text),
                      (
                          'position time', 'position ' || s.id || ', entry_time', s.due_entry_time::text,
                          s.entry_time::text
                      ),
                      (
                          'position time', 'position ' || s.id || ', last_exit_time', s.due_last_exit_time::text,
                          s.last_exit_time::text
                      ),
                      (
                          'position time', 'position ' || s.id || ', exit_time', s.due_exit_time::text,
                          s.exit_time::text
                      ),
                      ('exit reason', 'position ' || s.id || ', exit_reason', s.due_exit_reason, s.exit_reason),
                      ('trade', 'trade ' || s.trade_id || ', order_id', s.due_order_id, s.order_id)
           ) AS c (identity, subject, expected, actual)
     WHERE c.expected IS DISTINCT FROM c.actual
), sizes AS (
    SELECT 'position size' AS identity, 'position ' || p.id || ', ' || c.subject AS subject,
           trim_scale(c.expected)::text AS expected, trim_scale(c.actual)::text AS actual
      FROM positions AS p
     CROSS JOIN LATERAL (
               VALUES ('size', p.quantity::numeric, p.size::numeric),
                      ('original_size', p.original_quantity, p.original_size),
                      ('current_size', p.current_quantity, p.current_size)
           ) AS s (subject, part, actual)
     CROSS JOIN LATERAL (
               SELECT s.subject, round(s.actual, 18) AS actual,
                      round(p.planned_size * s.part / p.planned_quantity, 18) AS expected
           ) AS c
     WHERE p.session_id = :session_id
       AND (:first_position::bigint IS NULL OR p.id >= :first_position)
       AND (:last_position::bigint IS NULL OR p.id <= :last_position)
       AND p.quantity > 0
       AND (
               p.size * p.planned_quantity, p.original_size * p.planned_quantity, p.current_size * p.planned_quantity
           )
           IS DISTINCT FROM (
               p.planned_size * p.quantity, p.planned_size * p.original_quantity, p.planned_size * p.current_quantity
           )
       AND c.expected IS DISTINCT FROM c.actual
       -- A quotient has more digits where its operands show more zeros, which exports do not keep.
       AND (abs(c.expected - c.actual) <= abs(c.actual) * 1e-14) IS NOT TRUE
), causes AS (
    SELECT 'ledger cause' AS identity, 'fill ' || coalesce(f.id, e.order_fill_id) || ', ' || c.subject AS subject,
           trim_scale(c.expected)::text AS expected, trim_scale(c.actual)::text AS actual
      FROM fills AS f
      FULL JOIN (
               SELECT order_fill_id, sum(pnl) AS pnl, sum(commission) AS commission
                 FROM ledger
                WHERE order_fill_id IS NOT NULL
                GROUP BY order_fill_id
           ) AS e ON e.order_fill_id = f.id
     CROSS JOIN LATERAL (
               VALUES ('pnl', coalesce(f.pnl::numeric, 0), coalesce(e.pnl, 0)),
                      (
                          'commission', CASE WHEN f.is_booked THEN f.booked_commission::numeric ELSE 0 END,
                          coalesce(e.commission, 0)
                      )
           ) AS c (subject, expected, actual)
     WHERE (coalesce(f.pnl, 0), CASE WHEN f.is_booked THEN f.booked_commission ELSE 0 END)
           IS DISTINCT FROM (coalesce(e.pnl, 0), coalesce(e.commission, 0))
       AND c.expected IS DISTINCT FROM c.actual
     UNION ALL
    SELECT 'ledger cause', 'ledger entry ' || l.entry_number || ', position', '1', '0'
      FROM ledger AS l
     WHERE l.entry_type IN ('FILL', 'FEE', 'FUNDING', 'CORRECTION', 'MOVE')
       AND (
           l.position_id IS NULL
           OR l.position_id IN (
               SELECT e.position_id
                 FROM elsewhere AS e
                -- A fee that was taken back: nothing was left to be moved.
                WHERE (e.pnl, e.commission, coalesce(e.funding, 0), coalesce(e.interest, 0)) <> (0, 0, 0, 0)
           )
       )
       AND NOT EXISTS (
               SELECT FROM ledger AS m WHERE m.entry_type = 'MOVE' AND m.position_id = l.position_id
           )
     UNION ALL
    -- A position that was moved to another session has taken with it what it had realised here.
    SELECT 'ledger cause', 'position ' || e.position_id || ', moved ' || c.subject, '0', trim_scale(c.actual)::text
      FROM elsewhere AS e
     CROSS JOIN LATERAL (
               VALUES ('pnl', e.pnl), ('commission', e.commission), ('funding', coalesce(e.funding, 0)),
                      ('interest', coalesce(e.interest, 0))
           ) AS c (subject, actual)
     WHERE c.actual <> 0
), misplaced AS MATERIALIZED (
    SELECT f.id, f.position_id, f.order_position_id
      FROM fills AS f
     WHERE f.is_booked
       AND f.order_position_id IS DISTINCT FROM f.position_id
), continued AS (
    SELECT DISTINCT m.position_id AS id, m.position_id AS earlier_id
      FROM misplaced AS m
     UNION
    SELECT c.id, p.continues_position_id
      FROM continued AS c
      JOIN positions AS p ON p.id = c.earlier_id AND p.session_id = :session_id
     WHERE p.continues_position_id IS NOT NULL
), continuations AS (
    SELECT 'continuation' AS identity, 'position ' || p.id || ', ' || c.subject AS subject, c.expected, c.actual
      FROM positions AS p
      LEFT JOIN positions AS e ON e.id = p.continues_position_id
     CROSS JOIN LATERAL (
               VALUES ('continues_position_id', 'a position', CASE WHEN e.id IS NOT NULL THEN 'a position' END),
                      ('session_id', e.session_id::text, p.session_id::text),
                      ('symbol', e.symbol, p.symbol),
                      ('side', e.side::text, p.side::text),
                      ('contract', e.contract::text, p.contract::text),
                      ('status of the earlier one', 'CLOSED', e.status::text)
           ) AS c (subject, expected, actual)
     WHERE p.session_id = :session_id
       AND (:first_position::bigint IS NULL OR p.id >= :first_position)
       AND (:last_position::bigint IS NULL OR p.id <= :last_position)
       AND p.continues_position_id IS NOT NULL
       AND c.expected IS DISTINCT FROM c.actual
     UNION ALL
    -- An order's fills are in its position or in one that continues it.
    SELECT 'fill position', 'fill ' || m.id || ', position_id', m.order_position_id::text, m.position_id::text
      FROM misplaced AS m
     WHERE NOT EXISTS (SELECT FROM continued AS c WHERE c.id = m.position_id AND c.earlier_id = m.order_position_id)
)
SELECT identity, subject, expected, actual
  FROM (
           SELECT identity, subject, expected, actual FROM figures
            UNION ALL
           SELECT identity, subject, expected, actual FROM states
            UNION ALL
           SELECT identity, subject, expected, actual FROM sizes
            UNION ALL
           SELECT identity, subject, expected, actual FROM causes
            UNION ALL
           SELECT identity, subject, expected, actual FROM continuations
       ) AS findings
 WHERE existing_session(:session_id) IS NOT NULL
 ORDER BY identity, subject
