-- Start a session: its row, the first ledger entry and the ENGINE_START event, atomically; the session's id.
SELECT start_session(
           :session_name, :mode, :strategy_name, :symbol, :timeframe, :exchange, :base_currency, :start_time,
           :initial_balance, :strategy_config, :time_exit_config, :market_timezone, :is_verification,
           :request_id, :request_hash
       ) AS id
