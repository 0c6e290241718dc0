-- Open a position together with its filled ENTRY order, atomically; the position's id.
SELECT open_position(
           session => :session_id, own_order => :order_id, exchange_id => :entry_order_id,
           internal_id => :internal_order_id, traded => :symbol, direction => :side, price => :entry_price,
           size_of_balance => :size, entered => :quantity, strategy => :strategy_name, at => :entry_time,
           balance => :entry_balance, fee => :entry_commission, stop => :stop_loss, target => :take_profit,
           trails => :trailing_stop, confidence => :confidence_score, venue => :exchange,
           hold_until => :max_holding_until, end_of_day => :end_of_day_exit, weekend => :weekend_exit,
           restriction_group => :time_restriction_group, kind => :contract, units_per_contract => :contract_size,
           asset => :base_asset, settles_in => :settlement_currency, rate => :settlement_rate,
           negative_prices => :allows_negative_prices, own_token => :token,
           request => :request_id, content_hash => :request_hash, flag => :unless_flag, geared => :leverage,
           liquidates_at => :liquidation_price, tag => :entry_tag
       ) AS id
