-- Add to an open position, with a partial trade and its share of the cost, atomically; the partial trade's id.
SELECT (move_position(
           wanted => :position_id, kind => 'SCALE_IN', own_order => :order_id, exchange_id => :exchange_order_id,
           internal_id => :internal_order_id, size => :size, amount => :quantity, price => :price, told_pnl => NULL,
           rate => NULL, fee => :commission, interest => NULL, target => :target_level, why => NULL,
           at => :timestamp, own_token => :token, request => :request_id, content_hash => :request_hash,
           flag => :unless_flag
       )).partial_trade_id AS id
