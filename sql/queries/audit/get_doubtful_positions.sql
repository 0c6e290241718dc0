-- How many of a session's positions are not plainly as their rows say, and the first and the last of them.
WITH plain AS (
    -- One entry, one exit, and no digit to be rounded: what audit_positions computes, compared without any sum.
    SELECT p.id, p.symbol, p.side, p.quantity, p.contract_size, p.base_asset, p.entry_notional, p.exit_notional,
           p.realized_pnl, p.commission, p.entry_time, p.last_exit_time, p.exit_reason, t.order_id
      FROM positions AS p
      JOIN trades AS t
            ON t.position_id = p.id
           AND t.session_id = :session_id
           AND (:first_position::bigint IS NULL OR t.position_id >= :first_position)
           AND (:last_position::bigint IS NULL OR t.position_id <= :last_position)
     WHERE p.session_id = :session_id
       AND (:first_position::bigint IS NULL OR p.id >= :first_position)
       AND (:last_position::bigint IS NULL OR p.id <= :last_position)
       -- With CASE, for how many they are is estimated far too low.
       AND CASE
               WHEN
                   p.status = 'CLOSED'
                   AND p.contract = 'LINEAR'
                   AND p.continues_position_id IS NULL
                   AND p.quantity > 0
                   AND (p.quantity, p.quantity) = (p.original_quantity, p.exited_quantity)
                   AND (
                           p.current_quantity, p.unbooked_quantity, p.cost_basis, p.pnl_correction, p.funding,
                           p.margin_interest_cost, p.partial_exits_taken, p.scale_ins_taken, p.unrealized_pnl,
                           p.unrealized_pnl_percent
                       )
                       = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
                   AND p.exit_time = greatest(p.entry_time, p.last_exit_time)
                   AND p.realized_pnl
                       = CASE p.side
                             WHEN 'LONG' THEN p.exit_notional - p.entry_notional
                             ELSE p.entry_notional - p.exit_notional
                         END
                   AND p.quantity * p.contract_size * p.entry_price = p.entry_notional
                   AND p.quantity * p.contract_size * p.exit_price = p.exit_notional
                   AND p.exit_price BETWEEN -1e9 AND 1e9
                   AND (scale(p.exit_price) <= 24 AND scale(p.exit_notional) <= 48)
                   AND (
                       (p.original_size, p.current_size) = (p.size, 0)
                       AND p.size * p.planned_quantity = p.planned_size * p.quantity
                       OR num_nonnulls(p.planned_size, p.size, p.original_size, p.current_size) = 0
                   )
                   THEN TRUE
               ELSE FALSE
           END
), orders_with_fills AS (
    -- What audit_orders computes, likewise, of an order with one fill or none.
    SELECT coalesce(o.position_id, -1) AS position_id, f.id AS fill_id, f.position_id AS fill_position_id, f.pnl,
           f.booked_commission, p.commission, is_entry(o.order_type) AS is_entry,
           (o.symbol, o.side, o.recorded_base_fee, o.corrected_value) = (p.symbol, p.side, 0, 0)
           AND o.replaced_order_id IS NULL
           AND NOT o.is_overfilled
           AND (o.filled_quantity <= o.quantity OR o.quote_quantity IS NOT NULL)
           AND is_final(o.status)
           AND (o.cancelled_at IS NULL OR o.status IN ('CANCELLED', 'EXPIRED'))
           AND o.last_update = greatest(o.last_update, o.filled_at, o.cancelled_at, o.created_at)
           AND CASE
                   WHEN f.id IS NULL THEN
                       (
                           o.told_quantity, o.recorded_quantity, o.recorded_notional, o.recorded_value,
                           o.recorded_commission, o.unknown_fees, o.filled_quantity, o.filled_units, o.filled_value,
                           o.commission
                       )
                       = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
                       AND num_nonnulls(o.told_price, o.told_value, o.filled_price, o.filled_at) = 0
                   ELSE
                       f.is_booked
                       AND f.unconverted_pnl IS NULL
                       AND (f.position_id, f.booked_quantity, f.booked_quantity, f.booked_value, f.booked_commission)
                           = (o.position_id, o.filled_quantity, o.filled_units, o.filled_value, o.commission)
                       AND o.filled_at >= o.created_at - interval '24 hours'
                       AND CASE
                               WHEN o.order_type = 'ENTRY' THEN
                                   (f.booked_quantity, f.booked_value, f.released_cost, f.pnl, f.filled_at)
                                   = (p.quantity, p.entry_notional, 0, 0, p.entry_time)
                               WHEN NOT is_entry(o.order_type) THEN
                                   (f.booked_quantity, f.booked_value, f.released_cost, f.pnl, f.filled_at)
                                   = (p.quantity, p.exit_notional, p.entry_notional, p.realized_pnl, p.last_exit_time)
                                   AND (p.exit_reason = o.reason OR p.exit_reason = lower(o.order_type::text))
                                   AND (p.order_id IS NULL OR p.order_id = o.exchange_order_id)
                           END
                       AND CASE f.kind
                               WHEN 'CHANGE' THEN
                                   (
                                       o.recorded_quantity, o.recorded_notional, o.recorded_value,
                                       o.recorded_commission, o.unknown_fees, o.told_quantity, o.told_price,
                                       o.told_value, coalesce(o.told_commission, 0)
                                   )
                                   = (0, 0, 0, 0, 0, o.filled_quantity, o.filled_price, o.filled_value, o.commission)
                                   AND o.told_quantity * p.contract_size * o.told_price = o.told_value
                               WHEN 'FILL' THEN
                                   (
                                       o.recorded_quantity, o.recorded_notional, o.recorded_value,
                                       o.recorded_commission, o.unknown_fees
                                   )
                                   = (
                                       f.quantity, f.quantity * f.price, f.quantity * f.price * p.contract_size,
                                       f.commission, 0
                                   )
                                   AND (o.filled_quantity, o.filled_price, o.filled_value, o.commission, o.filled_at)
                                       = (f.quantity, f.price, o.recorded_value, f.commission, f.filled_at)
                                   AND (f.fee_currency = p.base_asset) IS NOT TRUE
                                   AND o.filled_price BETWEEN -1e9 AND 1e9
                                   AND o.recorded_value BETWEEN -1e15 AND 1e15
                                   AND scale(o.filled_price) <= 24
                                   AND (scale(o.recorded_value) <= 18 AND scale(o.recorded_notional) <= 48)
                                   AND o.told_quantity <= o.recorded_quantity
                                   AND (
                                       num_nonnulls(o.told_price, o.told_value) = 0
                                       OR o.told_quantity * p.contract_size * o.told_price = o.told_value
                                   )
                           END
               END AS is_sound
      FROM orders AS o
      LEFT JOIN order_fills AS f ON f.order_id = o.id
      LEFT JOIN plain AS p ON p.id = o.position_id
     WHERE o.session_id = :session_id
       AND (
           (:first_position::bigint IS NULL OR o.position_id >= :first_position)
           AND (:last_position::bigint IS NULL OR o.position_id <= :last_position)
           -- What has no position is compared with the first ones, as one of the id -1.
           OR :first_position IS NULL AND o.position_id IS NULL
       )
), ledger AS (
    SELECT coalesce(l.position_id, -1) AS position_id, l.order_fill_id, l.entry_type, l.pnl, l.commission
      FROM account_balances AS l
     WHERE l.session_id = :session_id
       AND (
           (:first_position::bigint IS NULL OR l.position_id >= :first_position)
           AND (:last_position::bigint IS NULL OR l.position_id <= :last_position)
           OR :first_position IS NULL
           AND l.position_id IS NULL
           AND (
               l.order_fill_id IS NOT NULL
               OR (l.entry_type IN ('INITIAL', 'TRADE', 'TRANSFER', 'ADJUSTMENT', 'INTEREST')) IS NOT TRUE
           )
       )
), compared AS MATERIALIZED (
    SELECT o.position_id, o.fill_position_id, l.position_id AS entry_position_id, o.fill_id, o.is_entry,
           o.booked_commission, o.commission,
           -- What cannot be told, for something is NULL, is not sound.
           (
               o.is_sound
               AND CASE
                       WHEN l.position_id IS NULL THEN o.fill_id IS NULL OR (o.pnl, o.booked_commission) = (0, 0)
                       ELSE
                           l.entry_type = 'FILL'
                           AND (l.position_id, l.pnl, l.commission) = (o.position_id, o.pnl, o.booked_commission)
                   END
           ) IS TRUE AS is_sound
      FROM orders_with_fills AS o
      FULL JOIN ledger AS l ON l.order_fill_id = o.fill_id
), filled AS (
    -- Also by orders of other positions.
    SELECT p.id AS position_id, count(*) AS fills
      FROM positions AS p
      JOIN order_fills AS f ON f.position_id = p.id
     WHERE p.session_id = :session_id
       AND (:first_position::bigint IS NULL OR p.id >= :first_position)
       AND (:last_position::bigint IS NULL OR p.id <= :last_position)
       AND (:first_position::bigint IS NULL OR f.position_id >= :first_position)
       AND (:last_position::bigint IS NULL OR f.position_id <= :last_position)
     GROUP BY p.id
), sound AS (
    SELECT c.position_id
      FROM compared AS c
      JOIN filled AS f ON f.position_id = c.position_id
     GROUP BY c.position_id
    HAVING CASE
               WHEN
                   bool_and(c.is_sound)
                   AND count(c.fill_id) = 2
                   AND max(f.fills) = 2
                   AND count(*) FILTER (WHERE c.fill_id IS NOT NULL AND c.is_entry) = 1
                   AND min(c.booked_commission) + max(c.booked_commission) = max(c.commission)
                   THEN TRUE
               ELSE FALSE
           END
), doubtful AS (
    SELECT p.id
      FROM positions AS p
     WHERE p.session_id = :session_id
       AND (:first_position::bigint IS NULL OR p.id >= :first_position)
       AND (:last_position::bigint IS NULL OR p.id <= :last_position)
       AND NOT EXISTS (SELECT FROM sound AS s WHERE s.position_id = p.id)
     UNION
    -- What names no position of the session, or two, of which one may be elsewhere.
    SELECT c.position_id FROM compared AS c WHERE NOT c.is_sound AND c.position_id IS NOT NULL
     UNION
    SELECT c.entry_position_id FROM compared AS c WHERE NOT c.is_sound AND c.entry_position_id IS NOT NULL
     UNION
    SELECT c.fill_position_id FROM compared AS c WHERE NOT c.is_sound AND c.fill_position_id IS NOT NULL
     UNION
    SELECT -1
      FROM order_fills AS x
      JOIN orders AS o ON o.id = x.order_id
     WHERE x.position_id IS NULL
       AND o.session_id = :session_id
       AND :first_position::bigint IS NULL
     UNION
    SELECT r.position_id
      FROM partial_trades AS r
      JOIN positions AS p ON p.id = r.position_id AND p.session_id = :session_id
     WHERE (:first_position::bigint IS NULL OR r.position_id >= :first_position)
       AND (:last_position::bigint IS NULL OR r.position_id <= :last_position)
)
SELECT count(*) AS positions, min(d.id) AS first_position, max(d.id) AS last_position
  FROM doubtful AS d
HAVING existing_session(:session_id) IS NOT NULL
