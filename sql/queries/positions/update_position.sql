-- Change the given fields of an open position; NULL clears one. The position's id.
WITH updated AS (
    UPDATE positions
       SET stop_loss = CASE
               WHEN 'stop_loss' = any(:given::text[])
                   THEN allowed_price(:stop_loss::signed_price, allows_negative_prices, 'stop_loss')
               ELSE stop_loss
           END,
           take_profit = CASE
               WHEN 'take_profit' = any(:given)
                   THEN allowed_price(:take_profit::signed_price, allows_negative_prices, 'take_profit')
               ELSE take_profit
           END,
           trailing_stop = CASE WHEN 'trailing_stop' = any(:given) THEN :trailing_stop ELSE trailing_stop END,
           trailing_stop_activated = CASE
               WHEN 'trailing_stop_activated' = any(:given) THEN :trailing_stop_activated
               ELSE trailing_stop_activated
           END,
           trailing_stop_price = CASE
               WHEN 'trailing_stop_price' = any(:given)
                   THEN allowed_price(:trailing_stop_price::signed_price, allows_negative_prices, 'trailing_stop_price')
               ELSE trailing_stop_price
           END,
           breakeven_triggered = CASE
               WHEN 'breakeven_triggered' = any(:given) THEN :breakeven_triggered
               ELSE breakeven_triggered
           END,
           current_price = CASE
               WHEN 'current_price' = any(:given)
                   THEN allowed_price(:current_price::signed_price, allows_negative_prices, 'current_price')
               ELSE current_price
           END,
           unrealized_pnl = CASE
               WHEN 'unrealized_pnl' = any(:given) THEN :unrealized_pnl::amount
               WHEN 'current_price' = any(:given)
                   THEN unrealized(positions, current_quantity, cost_basis, :current_price)
               ELSE unrealized_pnl
           END,
           unrealized_pnl_percent = CASE
               WHEN 'unrealized_pnl_percent' = any(:given) THEN :unrealized_pnl_percent::ratio
               WHEN 'current_price' = any(:given)
                   THEN unrealized_percent(positions, current_quantity, cost_basis, :current_price)
               ELSE unrealized_pnl_percent
           END,
           mfe = CASE WHEN 'mfe' = any(:given) THEN :mfe::ratio ELSE mfe END,
           mfe_price = CASE
               WHEN 'mfe_price' = any(:given)
                   THEN allowed_price(:mfe_price::signed_price, allows_negative_prices, 'mfe_price')
               ELSE mfe_price
           END,
           mfe_time = CASE WHEN 'mfe_time' = any(:given) THEN :mfe_time::instant ELSE mfe_time END,
           mae = CASE WHEN 'mae' = any(:given) THEN :mae::ratio ELSE mae END,
           mae_price = CASE
               WHEN 'mae_price' = any(:given)
                   THEN allowed_price(:mae_price::signed_price, allows_negative_prices, 'mae_price')
               ELSE mae_price
           END,
           mae_time = CASE WHEN 'mae_time' = any(:given) THEN :mae_time::instant ELSE mae_time END,
           max_holding_until = CASE
               WHEN 'max_holding_until' = any(:given) THEN :max_holding_until::instant
               ELSE max_holding_until
           END,
           leverage = CASE WHEN 'leverage' = any(:given) THEN :leverage::size ELSE leverage END,
           liquidation_price = CASE
               WHEN 'liquidation_price' = any(:given) THEN :liquidation_price::price
               ELSE liquidation_price
           END,
           last_update = :last_update
     WHERE id = :position_id
       AND status = 'OPEN'
    RETURNING id, session_id
)
SELECT coalesce(
           (SELECT id FROM updated WHERE active_session(session_id) IS NOT NULL AND fenced(session_id, :token::uuid)),
           refuse_position(:position_id)
       ) AS id
