-- Report an order as a whole, as the exchange shows it; fields that are not given stay. The order's id.
SELECT update_order(
           own_id => :order_id, session => :session_id, internal => :internal_order_id,
           exchange => :exchange_order_id, state => :status, total => :filled_quantity, average => :filled_price,
           total_commission => :commission, new_quantity => :quantity, new_price => :price,
           failure => :failure_reason, review => :needs_review, told_pnl => :pnl, rate => :settlement_rate,
           at => :timestamp::exchange_time, own_token => :token
       ) AS id
