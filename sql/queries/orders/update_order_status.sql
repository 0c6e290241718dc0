-- Move an order forward; what is not given stays. The order's id.
WITH updated AS (
    UPDATE orders AS o
       SET status = :status,
           filled_quantity = filled_after(o, :status::order_status, :filled_quantity::nonnegative),
           -- What is recorded fill by fill is exact, and totals give way to it.
           filled_price = CASE
               WHEN recorded_quantity > 0 AND recorded_quantity = filled_after(o, :status, :filled_quantity)
                   THEN filled_price
               ELSE coalesce(:filled_price::price, filled_price, CASE :status WHEN 'FILLED' THEN price END)
           END,
           commission = CASE
               WHEN recorded_quantity > 0 AND recorded_quantity = filled_after(o, :status, :filled_quantity)
                   THEN commission
               ELSE coalesce(:commission::amount, commission)
           END,
           exchange_order_id = coalesce(:exchange_order_id::label, exchange_order_id),
           failure_reason = coalesce(:failure_reason::prose, failure_reason),
           filled_at = CASE
               WHEN :status IN ('PARTIALLY_FILLED', 'FILLED') AND status <> 'FILLED' THEN :timestamp::instant
               ELSE filled_at
           END,
           cancelled_at = CASE
               WHEN :status IN ('CANCELLED', 'EXPIRED') AND status NOT IN ('CANCELLED', 'EXPIRED') THEN :timestamp
               ELSE cancelled_at
           END,
           last_update = :timestamp
     WHERE id = :order_id
    RETURNING id
)
SELECT coalesce((SELECT id FROM updated), existing_order(:order_id)) AS id
