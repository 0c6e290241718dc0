-- Contradictions between a session's orders and what was reported and booked of them, by rule and subject.
WITH fills AS (
    SELECT f.order_id, f.kind, f.quantity, f.price, f.commission, f.filled_at, f.is_booked, f.booked_quantity,
           f.booked_value, f.booked_commission, f.unconverted_pnl,
           coalesce(p.contract, 'LINEAR') AS contract, coalesce(p.contract_size, 1) AS contract_size,
           CASE
               WHEN f.commission IS NULL OR (f.fee_currency = p.base_asset) IS NOT TRUE THEN 0
               WHEN is_entry(o.order_type) = (o.side = 'LONG') THEN f.fee
               ELSE -f.fee
           END AS base_fee
      FROM orders AS o
      JOIN order_fills AS f ON f.order_id = o.id
      LEFT JOIN positions AS p
            ON p.id = o.position_id
           AND (:first_position::bigint IS NULL OR p.id >= :first_position)
           AND (:last_position::bigint IS NULL OR p.id <= :last_position)
     WHERE o.session_id = :session_id
       AND (
           (:first_position::bigint IS NULL OR o.position_id >= :first_position)
           AND (:last_position::bigint IS NULL OR o.position_id <= :last_position)
           OR :first_position IS NULL AND o.position_id IS NULL
       )
), reported AS (
    SELECT order_id,
           sum(quantity) FILTER (WHERE kind = 'FILL') AS quantity,
           sum(quantity * price) FILTER (WHERE kind = 'FILL') AS notional,
           sum(commission) FILTER (WHERE kind = 'FILL') AS commission,
           sum(base_fee) FILTER (WHERE kind = 'FILL') AS base_fee,
           count(*) FILTER (WHERE kind = 'FILL' AND commission IS NULL) AS unknown_fees,
           sum(contract_value(contract, contract_size, quantity - base_fee, price)) FILTER (
               WHERE kind = 'FILL'
           ) AS value,
           max(filled_at) FILTER (WHERE kind = 'FILL') AS last_fill_at,
           sum(booked_quantity) AS booked_quantity, sum(booked_value) AS booked_value,
           sum(booked_commission) AS booked_commission,
           sum(booked_quantity) FILTER (WHERE NOT is_booked) AS unbooked, sum(unconverted_pnl) AS unconverted,
           bool_or(is_booked) AS is_booked
      FROM fills
     GROUP BY order_id
), due AS (
    SELECT o.id, o.session_id, o.position_id, o.status, o.symbol, o.side, o.told_value, o.recorded_quantity,
           o.recorded_base_fee, o.recorded_notional, o.recorded_value, o.recorded_commission, o.unknown_fees,
           o.filled_quantity, o.filled_price, o.filled_units, o.filled_value, o.commission,
           o.is_overfilled::integer AS is_overfilled, o.replaced_order_id, o.filled_at, o.cancelled_at, o.last_update,
           p.id AS known_position_id, p.symbol AS position_symbol, p.side AS position_side,
           p.session_id AS position_session_id, f.is_booked,
           coalesce(f.quantity, 0) AS due_quantity, coalesce(f.notional, 0) AS due_notional,
           coalesce(f.commission, 0) AS due_recorded_commission, coalesce(f.unknown_fees, 0) AS due_unknown_fees,
           coalesce(f.base_fee, 0) AS due_base_fee, coalesce(f.value, 0) AS due_value,
           CASE
               WHEN d.is_by_total AND o.told_value IS NOT NULL THEN o.told_price
               ELSE average_price('LINEAR', 1, o.recorded_quantity, o.recorded_notional)
           END AS due_price,
           (o.quote_quantity IS NULL AND o.filled_quantity > o.quantity * 1.000000000001)::integer AS due_overfilled,
           coalesce(f.booked_quantity, 0) AS due_booked_quantity, coalesce(f.booked_value, 0) AS due_booked_value,
           coalesce(f.booked_commission, 0) AS due_booked_commission, coalesce(f.unbooked, 0) AS unbooked,
           coalesce(f.unconverted, 0) AS unconverted,
           CASE WHEN d.is_by_total AND o.told_value IS NULL THEN o.told_quantity ELSE 0 END AS unpriced,
           greatest(o.recorded_quantity, o.told_quantity) AS due_filled_quantity,
           CASE
               WHEN o.told_price IS NULL THEN NULL
               -- As it was given, where it is worth the same.
               WHEN coalesce(p.contract, 'LINEAR') = 'LINEAR'
                AND o.told_quantity * coalesce(p.contract_size, 1) * o.told_price = o.told_value THEN o.told_value
               ELSE contract_value(
                       coalesce(p.contract, 'LINEAR'), coalesce(p.contract_size, 1), o.told_quantity, o.told_price
                   )
           END AS due_told_value,
           CASE WHEN d.is_by_total AND o.told_value IS NOT NULL THEN o.told_quantity ELSE o.recorded_quantity END
           - o.recorded_base_fee AS due_units,
           CASE
               WHEN d.is_by_total AND o.told_value IS NOT NULL
                   THEN share_of(o.told_value, o.filled_units, o.told_quantity)
               ELSE o.recorded_value
           END
           + o.corrected_value AS due_filled_value,
           CASE
               WHEN (d.is_by_total OR o.unknown_fees > 0) AND abs(o.told_commission) >= abs(o.recorded_commission)
                   THEN o.told_commission
               ELSE o.recorded_commission
           END AS due_commission,
           CASE
               WHEN is_final(o.status) THEN o.status
               WHEN o.filled_quantity >= o.quantity * 0.999999999999 AND o.quote_quantity IS NULL THEN 'FILLED'
               WHEN o.filled_quantity > 0 AND o.status IN ('PENDING', 'OPEN') THEN 'PARTIALLY_FILLED'
               ELSE o.status
           END AS due_status,
           CASE WHEN o.status IN ('CANCELLED', 'EXPIRED') THEN o.cancelled_at END AS due_cancelled_at,
           CASE
               WHEN o.filled_quantity = 0 THEN NULL
               WHEN o.told_quantity = 0 THEN f.last_fill_at
               ELSE greatest(o.filled_at, f.last_fill_at, o.created_at - interval '100 years')
           END AS due_filled_at,
           greatest(o.last_update, o.filled_at, o.cancelled_at, o.created_at) AS due_last_update
      FROM orders AS o
     CROSS JOIN LATERAL (SELECT o.told_quantity > o.recorded_quantity AS is_by_total) AS d
      LEFT JOIN reported AS f ON f.order_id = o.id
      LEFT JOIN positions AS p
            ON p.id = o.position_id
           AND (:first_position::bigint IS NULL OR p.id >= :first_position)
           AND (:last_position::bigint IS NULL OR p.id <= :last_position)
     WHERE o.session_id = :session_id
       AND (
           (:first_position::bigint IS NULL OR o.position_id >= :first_position)
           AND (:last_position::bigint IS NULL OR o.position_id <= :last_position)
           -- What has no position is compared with the first ones.
           OR :first_position IS NULL AND o.position_id IS NULL
       )
), suspects AS MATERIALIZED (
    -- Most rows are as they should be, and only these are looked at column by column.
    SELECT *
      FROM due
     WHERE (
               due_quantity, due_notional, due_recorded_commission, due_unknown_fees, due_base_fee, due_value,
               due_price, due_overfilled, due_booked_quantity, due_booked_value, due_booked_commission, 0, 0, 0,
               due_filled_quantity, due_told_value, due_units, due_filled_value, due_commission, due_status,
               due_cancelled_at, due_filled_at, due_last_update
           )
           IS DISTINCT FROM (
               recorded_quantity, recorded_notional, recorded_commission, unknown_fees, recorded_base_fee,
               recorded_value, filled_price, is_overfilled, filled_units, filled_value, commission, unbooked,
               unconverted, unpriced, filled_quantity, told_value, filled_units, filled_value, commission, status,
               cancelled_at, filled_at, last_update
           )
        OR replaced_order_id IS NOT NULL
        OR CASE
               WHEN position_id IS NULL THEN is_booked
               ELSE (session_id, symbol, side) IS DISTINCT FROM (position_session_id, position_symbol, position_side)
           END
), figures AS (
    SELECT c.identity, 'order ' || s.id || ', ' || c.subject AS subject,
           trim_scale(c.expected)::text AS expected, trim_scale(c.actual)::text AS actual
      FROM suspects AS s
     CROSS JOIN LATERAL (
               VALUES ('fills', 'recorded_quantity', s.due_quantity, s.recorded_quantity::numeric),
                      ('fills', 'recorded_notional', s.due_notional, s.recorded_notional),
                      ('fills', 'recorded_commission', s.due_recorded_commission, s.recorded_commission),
                      ('fills', 'unknown_fees', s.due_unknown_fees, s.unknown_fees),
                      ('fills', 'recorded_base_fee', s.due_base_fee, s.recorded_base_fee),
                      ('fills', 'recorded_value', s.due_value, s.recorded_value),
                      -- Releases up to 0.11.0 rounded averages twice: they may be one unit of the last digit away.
                      (
                          'fills', 'filled_price',
                          CASE WHEN abs(s.due_price - s.filled_price) <= 1e-24 THEN s.filled_price ELSE s.due_price END,
                          s.filled_price
                      ),
                      ('fills', 'is_overfilled', s.due_overfilled, s.is_overfilled),
                      ('booked fills', 'filled_units', s.due_booked_quantity, s.filled_units),
                      ('booked fills', 'filled_value', s.due_booked_value, s.filled_value),
                      ('booked fills', 'commission', s.due_booked_commission, s.commission),
                      ('unbooked', 'filled_quantity', 0, s.unbooked),
                      ('unconverted', 'pnl', 0, s.unconverted),
                      ('unbooked', 'without a price', 0, s.unpriced),
                      ('order', 'symbol', 1, (s.known_position_id IS NULL OR s.position_symbol = s.symbol)::integer),
                      ('order', 'side', 1, (s.known_position_id IS NULL OR s.position_side = s.side)::integer),
                      ('order figures', 'filled_quantity', s.due_filled_quantity, s.filled_quantity),
                      ('order figures', 'told_value', s.due_told_value, s.told_value),
                      ('order figures', 'filled_units', s.due_units, s.filled_units),
                      ('order figures', 'filled_value', s.due_filled_value, s.filled_value),
                      ('order figures', 'commission', s.due_commission, s.commission)
           ) AS c (identity, subject, expected, actual)
     WHERE c.expected IS DISTINCT FROM c.actual
), states AS (
    SELECT c.identity, 'order ' || s.id || ', ' || c.subject AS subject, c.expected, c.actual
      FROM suspects AS s
      LEFT JOIN orders AS r ON r.id = s.replaced_order_id
     CROSS JOIN LATERAL (
               VALUES ('order status', 'status', s.due_status::text, s.status::text),
                      ('order time', 'cancelled_at', s.due_cancelled_at::text, s.cancelled_at::text),
                      ('order time', 'filled_at', s.due_filled_at::text, s.filled_at::text),
                      ('order time', 'last_update', s.due_last_update::text, s.last_update::text),
                      (
                          'order', 'position_id',
                          CASE
                              WHEN s.position_id IS NULL AND s.is_booked THEN 'a position'
                              WHEN s.position_id IS NOT NULL THEN 'session ' || s.session_id
                          END,
                          CASE
                              WHEN s.position_id IS NULL THEN NULL
                              ELSE coalesce('session ' || s.position_session_id, 'none')
                          END
                      ),
                      (
                          'order', 'replaced_order_id',
                          CASE WHEN s.replaced_order_id IS NOT NULL THEN s.symbol || ' of session ' || s.session_id END,
                          CASE
                              WHEN s.replaced_order_id = s.id THEN 'itself'
                              WHEN s.replaced_order_id IS NOT NULL
                                  THEN coalesce(r.symbol || ' of session ' || r.session_id, 'none')
                          END
                      )
           ) AS c (identity, subject, expected, actual)
     WHERE c.expected IS DISTINCT FROM c.actual
)
SELECT identity, subject, expected, actual
  FROM (
           SELECT identity, subject, expected, actual FROM figures
            UNION ALL
           SELECT identity, subject, expected, actual FROM states
       ) AS findings
 WHERE existing_session(:session_id) IS NOT NULL
 ORDER BY identity, subject
