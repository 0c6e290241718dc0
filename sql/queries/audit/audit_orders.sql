-- Contradictions between a session's orders and what was reported of them, by rule and subject.
WITH own AS MATERIALIZED (
    SELECT o.id, o.session_id, o.position_id, o.order_type, o.status, o.symbol, o.quantity, o.quote_quantity,
           o.told_quantity, o.told_price, o.told_value, o.told_commission, o.recorded_quantity, o.recorded_base_fee,
           o.recorded_value, o.recorded_commission, o.unknown_fees, o.corrected_value, o.filled_quantity,
           o.filled_units, o.filled_value, o.commission, o.replaced_order_id, o.created_at, o.filled_at,
           o.cancelled_at, o.last_update,
           o.told_quantity > o.recorded_quantity AS is_by_total,
           p.id AS known_position_id, p.session_id AS position_session_id, coalesce(p.contract, 'LINEAR') AS contract,
           coalesce(p.contract_size, 1) AS contract_size,
           r.id AS known_replaced_id, r.session_id AS replaced_session_id, r.symbol AS replaced_symbol
      FROM orders AS o
      LEFT JOIN positions AS p ON p.id = o.position_id
      LEFT JOIN orders AS r ON r.id = o.replaced_order_id
     WHERE o.session_id = :session_id
       AND existing_session(:session_id) IS NOT NULL
), reported AS (
    SELECT f.order_id, max(f.filled_at) FILTER (WHERE f.kind = 'FILL') AS last_fill_at,
           bool_or(f.is_booked) AS is_booked
      FROM own AS o
      JOIN order_fills AS f ON f.order_id = o.id
     GROUP BY f.order_id
), figures AS (
    SELECT c.identity, 'order ' || o.id || ', ' || c.subject AS subject,
           trim_scale(c.expected)::text AS expected, trim_scale(c.actual)::text AS actual
      FROM own AS o
     CROSS JOIN LATERAL (
               VALUES (
                          'order figures', 'filled_quantity', greatest(o.recorded_quantity, o.told_quantity)::numeric,
                          o.filled_quantity::numeric
                      ),
                      (
                          'order figures', 'told_value',
                          CASE
                              WHEN o.told_price IS NOT NULL
                                  THEN contract_value(o.contract, o.contract_size, o.told_quantity, o.told_price)
                          END,
                          o.told_value
                      ),
                      (
                          'order figures', 'filled_units',
                          CASE
                              WHEN o.is_by_total AND o.told_value IS NOT NULL THEN o.told_quantity
                              ELSE o.recorded_quantity
                          END
                          - o.recorded_base_fee,
                          o.filled_units
                      ),
                      (
                          'order figures', 'filled_value',
                          CASE
                              WHEN o.is_by_total AND o.told_value IS NOT NULL
                                  THEN share_of(o.told_value, o.filled_units, o.told_quantity)
                              ELSE o.recorded_value
                          END
                          + o.corrected_value,
                          o.filled_value
                      ),
                      (
                          'order figures', 'commission',
                          CASE
                              WHEN (o.is_by_total OR o.unknown_fees > 0)
                               AND abs(o.told_commission) >= abs(o.recorded_commission)
                                  THEN o.told_commission
                              ELSE o.recorded_commission
                          END,
                          o.commission
                      )
           ) AS c (identity, subject, expected, actual)
     WHERE c.expected IS DISTINCT FROM c.actual
), states AS (
    SELECT c.identity, 'order ' || o.id || ', ' || c.subject AS subject, c.expected, c.actual
      FROM own AS o
      LEFT JOIN reported AS f ON f.order_id = o.id
     CROSS JOIN LATERAL (
               VALUES (
                          'order status', 'status',
                          CASE
                              WHEN is_final(o.status) THEN o.status::text
                              WHEN o.filled_quantity >= o.quantity * 0.999999999999 AND o.quote_quantity IS NULL
                                  THEN 'FILLED'
                              WHEN o.filled_quantity > 0 AND o.status IN ('PENDING', 'OPEN') THEN 'PARTIALLY_FILLED'
                              ELSE o.status::text
                          END,
                          o.status::text
                      ),
                      (
                          'order time', 'cancelled_at',
                          CASE WHEN o.status IN ('CANCELLED', 'EXPIRED') THEN o.cancelled_at END::text,
                          o.cancelled_at::text
                      ),
                      (
                          'order time', 'filled_at',
                          CASE
                              WHEN o.filled_quantity = 0 THEN NULL
                              WHEN o.told_quantity = 0 THEN f.last_fill_at
                              ELSE greatest(o.filled_at, f.last_fill_at, o.created_at - interval '100 years')
                          END::text,
                          o.filled_at::text
                      ),
                      (
                          'order time', 'last_update',
                          greatest(o.last_update, o.filled_at, o.cancelled_at, o.created_at)::text, o.last_update::text
                      ),
                      (
                          'order', 'position_id',
                          CASE
                              WHEN o.position_id IS NULL AND f.is_booked THEN 'a position'
                              WHEN o.position_id IS NOT NULL THEN 'session ' || o.session_id
                          END,
                          CASE
                              WHEN o.position_id IS NULL THEN NULL
                              ELSE coalesce('session ' || o.position_session_id, 'none')
                          END
                      ),
                      (
                          'order', 'replaced_order_id',
                          CASE WHEN o.replaced_order_id IS NOT NULL THEN o.symbol || ' of session ' || o.session_id END,
                          CASE
                              WHEN o.replaced_order_id = o.id THEN 'itself'
                              WHEN o.replaced_order_id IS NOT NULL
                                  THEN coalesce(o.replaced_symbol || ' of session ' || o.replaced_session_id, 'none')
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
 ORDER BY identity, subject
