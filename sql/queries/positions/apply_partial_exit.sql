-- Exit part of an open position, with a partial trade and a ledger entry, atomically; the partial trade's id.
WITH position AS (
    UPDATE positions
       SET current_size = current_size - :size * original_size,
           current_quantity = current_quantity - :size * original_quantity,
           realized_pnl = realized_pnl
           + coalesce(:pnl::amount, gross_pnl(side, entry_price, :price, :size * original_quantity)),
           partial_exits_taken = partial_exits_taken + 1,
           last_partial_exit_price = :price,
           last_update = :timestamp
     WHERE id = :position_id
       AND status = 'OPEN'
       AND current_size >= :size::size * original_size
       AND recorded_partial_trade(:request_id, :request_hash) IS NULL
    RETURNING id, session_id, :size * original_quantity AS quantity,
              coalesce(:pnl::amount, gross_pnl(side, entry_price, :price::price, :size * original_quantity)) AS pnl
), exit AS (
    INSERT INTO partial_trades (
        position_id, operation_type, size, quantity, price, pnl, target_level, timestamp, request_id, request_hash
    )
    SELECT id, 'PARTIAL_EXIT', :size, quantity, :price, pnl, :target_level, :timestamp, :request_id, :request_hash
      FROM position
    RETURNING id, pnl, timestamp, request_id, request_hash
)
SELECT coalesce(
           (
               SELECT e.id
                 FROM exit AS e
                CROSS JOIN position AS p
                WHERE book(
                          p.session_id, e.pnl, 'PARTIAL_EXIT', 'partial exit', 'engine',
                          e.timestamp, e.request_id, e.request_hash
                      ) IS NOT NULL
           ),
           recorded_partial_trade(:request_id, :request_hash),
           refuse_position(:position_id, :size)
       ) AS id
