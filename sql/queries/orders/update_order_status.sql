-- Move an order forward; what is not given stays. The order's id.
WITH updated AS (
    UPDATE orders
       SET status = :status,
           filled_quantity = coalesce(
               :filled_quantity::nonnegative,
               CASE :status::order_status WHEN 'FILLED' THEN quantity ELSE filled_quantity END
           ),
           filled_price = coalesce(:filled_price::price, filled_price, CASE :status WHEN 'FILLED' THEN price END),
           commission = coalesce(:commission::amount, commission),
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
