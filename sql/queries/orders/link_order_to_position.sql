-- Say which position an order belongs to, and book what it was filled with; the order's id.
SELECT link_order(
           :order_id, :position_id, :timestamp::instant, :token::uuid, :session_id, :internal_order_id::label,
           :exchange_order_id::label
       ) AS id
