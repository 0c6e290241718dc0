-- Record one execution of an order as the exchange reports it, with the order's totals, atomically; the fill's id.
WITH fill AS (
    INSERT INTO order_fills AS f (order_id, exchange_fill_id, quantity, price, commission, filled_at)
    VALUES (:order_id, :exchange_fill_id, :quantity, :price, :commission, :filled_at)
    ON CONFLICT (order_id, exchange_fill_id) DO UPDATE
       SET exchange_fill_id = CASE
               WHEN (f.quantity, f.price, f.commission) = (excluded.quantity, excluded.price, excluded.commission)
                   THEN excluded.exchange_fill_id
               ELSE refuse_fill(excluded.order_id, excluded.exchange_fill_id)
           END
    RETURNING id, order_id, quantity, price, commission, filled_at, xmax = 0 AS inserted
), told AS (
    -- What was told in total before stays until the single fills reach it; a final order has filled what it has filled.
    UPDATE orders AS o
       SET recorded_quantity = o.recorded_quantity + f.quantity,
           recorded_notional = o.recorded_notional + f.quantity * f.price,
           recorded_commission = o.recorded_commission + f.commission,
           filled_quantity = CASE
               WHEN o.status IN ('FILLED', 'CANCELLED', 'FAILED', 'EXPIRED') THEN o.filled_quantity
               ELSE greatest(o.filled_quantity, o.recorded_quantity + f.quantity)
           END,
           filled_price = CASE
               WHEN o.recorded_quantity + f.quantity < o.filled_quantity THEN o.filled_price
               ELSE trim_scale(
                   (o.recorded_notional + f.quantity * f.price) / (o.recorded_quantity + f.quantity)
               )
           END,
           commission = CASE
               WHEN o.recorded_quantity + f.quantity < o.filled_quantity THEN o.commission
               ELSE o.recorded_commission + f.commission
           END,
           status = CASE
               WHEN o.status IN ('FILLED', 'CANCELLED', 'FAILED', 'EXPIRED') THEN o.status
               WHEN greatest(o.filled_quantity, o.recorded_quantity + f.quantity) < o.quantity THEN 'PARTIALLY_FILLED'
               ELSE 'FILLED'
           END::order_status,
           filled_at = CASE
               WHEN o.status IN ('FILLED', 'CANCELLED', 'FAILED', 'EXPIRED') THEN o.filled_at
               ELSE greatest(o.filled_at, f.filled_at)
           END,
           last_update = greatest(o.last_update, f.filled_at)
      FROM fill AS f
     WHERE o.id = f.order_id
       AND f.inserted
)
SELECT id
  FROM fill
