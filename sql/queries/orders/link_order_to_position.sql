-- Say which position an order belongs to, once the position exists; the order's id.
WITH linked AS (
    UPDATE orders
       SET position_id = :position_id,
           last_update = greatest(last_update, :timestamp::instant)
     WHERE id = :order_id
       AND (position_id IS NULL OR position_id = :position_id)
    RETURNING id
)
SELECT coalesce((SELECT id FROM linked), refuse_link(:order_id)) AS id
 WHERE existing_position(:position_id) IS NOT NULL
