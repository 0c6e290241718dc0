-- Take up an engine's newest session, reopened if it had ended, or start one; hold it, and tell what it is.
SELECT h.session_id, h.claim, h.token, h.expires_at, s.start_time, s.initial_balance, s.balance, s.equity_peak,
       s.day_start_time, s.day_start_balance, s.day_start_equity, s.open_positions, s.unresolved_orders,
       h.expired_orders
  FROM claim_session(
           :strategy_name, :symbol, :timeframe, :mode, :exchange, :holder, :max_age, :lease, :stale_after, :take_over,
           :session_name, :base_currency, :initial_balance, :strategy_config, :time_exit_config, :market_timezone,
           :timestamp, :request_id, :request_hash
       ) AS h
 CROSS JOIN LATERAL held_state(h.session_id) AS s
