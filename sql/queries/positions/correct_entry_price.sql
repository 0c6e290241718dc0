-- Correct the average price of everything that a position entered, with a reconciliation event; the position's id.
SELECT correct_entry_price(
           :position_id, :entry_price, :reason, :timestamp, :request_id, :request_hash
       ) AS id
