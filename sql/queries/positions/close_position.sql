-- Close a position: its exit data, FULL_EXIT order, trade, metrics and ledger entry, atomically; the trade's id.
SELECT (move_position(
           wanted => :position_id, kind => 'FULL_EXIT', own_order => :order_id, exchange_id => :exit_order_id,
           internal_id => :internal_order_id, size => NULL, amount => NULL, price => :exit_price, told_pnl => :pnl,
           rate => :settlement_rate, fee => :commission, interest => :margin_interest_cost, target => NULL,
           why => :exit_reason, at => :exit_time, own_token => :token, request => :request_id,
           content_hash => :request_hash
       )).trade_id AS id
