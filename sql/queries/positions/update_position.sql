-- Change the given fields of an open position; NULL clears one. The position's id.
WITH updated AS (
    UPDATE positions
       SET stop_loss = CASE WHEN 'stop_loss' = ANY (:given::text[]) THEN :stop_loss::price ELSE stop_loss END,
           take_profit = CASE WHEN 'take_profit' = ANY (:given) THEN :take_profit::price ELSE take_profit END,
           trailing_stop = CASE WHEN 'trailing_stop' = ANY (:given) THEN :trailing_stop ELSE trailing_stop END,
           trailing_stop_activated
           = CASE WHEN 'trailing_stop_activated' = ANY (:given) THEN :trailing_stop_activated ELSE trailing_stop_activated END,
           trailing_stop_price
           = CASE WHEN 'trailing_stop_price' = ANY (:given) THEN :trailing_stop_price::price ELSE trailing_stop_price END,
           breakeven_triggered
           = CASE WHEN 'breakeven_triggered' = ANY (:given) THEN :breakeven_triggered ELSE breakeven_triggered END,
           current_price = CASE WHEN 'current_price' = ANY (:given) THEN :current_price::price ELSE current_price END,
           unrealized_pnl = CASE WHEN 'unrealized_pnl' = ANY (:given) THEN :unrealized_pnl::amount ELSE unrealized_pnl END,
           unrealized_pnl_percent
           = CASE WHEN 'unrealized_pnl_percent' = ANY (:given) THEN :unrealized_pnl_percent::ratio ELSE unrealized_pnl_percent END,
           mfe = CASE WHEN 'mfe' = ANY (:given) THEN :mfe::ratio ELSE mfe END,
           mfe_price = CASE WHEN 'mfe_price' = ANY (:given) THEN :mfe_price::price ELSE mfe_price END,
           mfe_time = CASE WHEN 'mfe_time' = ANY (:given) THEN :mfe_time::instant ELSE mfe_time END,
           mae = CASE WHEN 'mae' = ANY (:given) THEN :mae::ratio ELSE mae END,
           mae_price = CASE WHEN 'mae_price' = ANY (:given) THEN :mae_price::price ELSE mae_price END,
           mae_time = CASE WHEN 'mae_time' = ANY (:given) THEN :mae_time::instant ELSE mae_time END,
           max_holding_until
           = CASE WHEN 'max_holding_until' = ANY (:given) THEN :max_holding_until::instant ELSE max_holding_until END,
           last_update = :last_update
     WHERE id = :position_id
       AND status = 'OPEN'
    RETURNING id
)
SELECT coalesce((SELECT id FROM updated), refuse_position(:position_id)) AS id
