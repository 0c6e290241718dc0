-- Open a position together with its filled ENTRY order, atomically; the position's id.
WITH position AS (
    INSERT INTO positions (
        session_id, symbol, side, entry_price, entry_time, entry_balance,
        size, original_size, current_size, quantity, original_quantity, current_quantity, entry_notional,
        stop_loss, take_profit, trailing_stop, last_update, current_price, unrealized_pnl, unrealized_pnl_percent,
        strategy_name, confidence_score, exchange,
        max_holding_until, end_of_day_exit, weekend_exit, time_restriction_group, request_id, request_hash
    ) VALUES (
        :session_id, :symbol, :side, :entry_price::price, :entry_time::instant, :entry_balance,
        :size::size, :size, :size, :quantity::quantity, :quantity, :quantity, :entry_price * :quantity,
        :stop_loss, :take_profit, :trailing_stop, :entry_time, :entry_price, 0, 0,
        :strategy_name, :confidence_score, :exchange,
        :max_holding_until, :end_of_day_exit, :weekend_exit, :time_restriction_group, :request_id, :request_hash
    )
    ON CONFLICT (request_id) DO UPDATE
       SET request_id = CASE positions.request_hash
               WHEN excluded.request_hash THEN excluded.request_id
               ELSE refuse_request(excluded.request_id)
           END
    RETURNING id, session_id, symbol, side, quantity, entry_price, strategy_name, entry_time, request_id, request_hash,
              xmax = 0 AS inserted
), entry_order AS (
    INSERT INTO orders (
        session_id, position_id, order_type, status, symbol, side, quantity, price, filled_quantity, filled_price,
        commission, exchange_order_id, strategy_name, size_fraction, created_at, filled_at, last_update,
        request_id, request_hash
    )
    SELECT session_id, id, 'ENTRY', 'FILLED', symbol, side, quantity, entry_price, quantity, entry_price,
           :entry_commission, :entry_order_id, strategy_name, 1, entry_time, entry_time, entry_time,
           request_id, request_hash
      FROM position
     WHERE inserted
)
SELECT id
  FROM position
 WHERE NOT inserted
    OR active_session(session_id) IS NOT NULL
