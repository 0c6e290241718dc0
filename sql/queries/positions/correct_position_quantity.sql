-- Make a position hold what the exchange holds, with a reconciliation event; the position's id.
SELECT correct_quantity(
           :position_id, :quantity, :price, :reason, :timestamp, :request_id, :request_hash
       ) AS id
