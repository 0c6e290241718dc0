-- Take up an engine's session where it was, reopened if it had ended, or start one; hold it, and say what it is.
SELECT h.session_id, h.claim, h.token, h.expires_at, s.timeframe, s.exchange, s.start_time, s.initial_balance,
       s.balance, s.equity_peak, s.day_start_time, s.day_start_balance, s.day_start_equity, s.open_positions,
       s.unresolved_orders
  FROM claim_session(
           strategy => :strategy_name, traded => :symbol, candle => :timeframe, source => :mode, venue => :exchange,
           wanted => :session_id, engine => :holder, max_age => :max_age, lease => :lease, take_over => :take_over,
           despite_open => :despite_open_positions, name => :session_name, currency => :base_currency,
           opening => :initial_balance, config => :strategy_config, time_exits => :time_exit_config,
           market => :market_timezone, asked => :timestamp, request => :request_id, content_hash => :request_hash
       ) AS h
 CROSS JOIN LATERAL held_state(h.session_id) AS s
