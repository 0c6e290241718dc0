-- Exit part of an open position, with a partial trade and a ledger entry, atomically; the partial trade's id.
SELECT (move_position(
           wanted => :position_id, kind => 'PARTIAL_EXIT', own_order => :order_id, exchange_id => :exchange_order_id,
           internal_id => :internal_order_id, size => :size, amount => :quantity, price => :price, told_pnl => :pnl,
           rate => :settlement_rate, fee => :commission, interest => NULL, target => :target_level, why => :reason,
           at => :timestamp, own_token => :token, request => :request_id, content_hash => :request_hash
       )).partial_trade_id AS id
