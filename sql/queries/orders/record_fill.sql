-- Record one execution of an order as the exchange reports it, and book it, atomically; the fill's id.
SELECT record_fill(
           own_id => :order_id, session => :session_id, internal => :internal_order_id,
           exchange => :exchange_order_id, fill => :exchange_fill_id, filled => :quantity, at_price => :price,
           told_fee => :fee, told_currency => :fee_currency, told_commission => :commission, told_pnl => :pnl,
           rate => :settlement_rate, at => :filled_at, own_token => :token
       ) AS id
