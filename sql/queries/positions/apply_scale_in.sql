-- Add to an open position, with a partial trade and the new average price, atomically; the partial trade's id.
WITH position AS (
    UPDATE positions
       SET size = size + :size * original_size,
           current_size = current_size + :size * original_size,
           quantity = quantity + :size * original_quantity,
           current_quantity = current_quantity + :size * original_quantity,
           entry_notional = entry_notional + :price::price * :size * original_quantity,
           -- Rounded, or every scale-in would add digits to the price, and with it to all that is booked later.
           entry_price = trim_scale(round(
               (entry_price * current_quantity + :price * :size * original_quantity)
               / (current_quantity + :size * original_quantity),
               24
           )),
           scale_ins_taken = scale_ins_taken + 1,
           last_scale_in_price = :price,
           last_update = :timestamp
     WHERE id = :position_id
       AND status = 'OPEN'
       AND recorded_partial_trade(:request_id, :request_hash) IS NULL
    RETURNING id, session_id, :size::size * original_quantity AS quantity
), scale_in AS (
    INSERT INTO partial_trades (
        position_id, operation_type, size, quantity, price, target_level, timestamp, request_id, request_hash
    )
    SELECT id, 'SCALE_IN', :size, quantity, :price, :target_level, :timestamp, :request_id, :request_hash
      FROM position
     WHERE active_session(session_id) IS NOT NULL
    RETURNING id
)
SELECT coalesce(
           (SELECT id FROM scale_in),
           recorded_partial_trade(:request_id, :request_hash),
           refuse_position(:position_id)
       ) AS id
