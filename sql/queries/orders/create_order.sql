-- Journal an order with its intent, before it is sent to the exchange; the order's id.
SELECT journal_order(
           session => :session_id, of_position => :position_id, kind => :order_type, state => :status,
           traded => :symbol, direction => :side, ordered => :quantity, ordered_amount => :quote_quantity,
           limit_price => :price, exchange => :exchange_order_id, internal => :internal_order_id,
           replaced => :replaced_order_id, strategy => :strategy_name, target => :target_level,
           fraction => :size_fraction, why => :reason, size_of_balance => :size, balance => :entry_balance,
           stop => :stop_loss, take => :take_profit, trails => :trailing_stop, confidence => :confidence_score,
           venue => :exchange, hold_until => :max_holding_until, end_of_day => :end_of_day_exit,
           weekend => :weekend_exit, restriction_group => :time_restriction_group, contract => :contract,
           units_per_contract => :contract_size, asset => :base_asset, settles_in => :settlement_currency,
           rate => :settlement_rate, negative_prices => :allows_negative_prices, at => :created_at,
           flag => :unless_flag, own_token => :token, request => :request_id, content_hash => :request_hash,
           geared => :leverage, liquidates_at => :liquidation_price, tag => :entry_tag
       ) AS id
