-- Start a session: its row, the first ledger entry and the ENGINE_START event, atomically; the session's id.
WITH session AS (
    INSERT INTO trading_sessions (
        session_name, mode, strategy_name, symbol, timeframe, exchange, base_currency, start_time,
        initial_balance, current_balance, ledger_entries, strategy_config, time_exit_config, market_timezone,
        is_verification, request_id, request_hash
    ) VALUES (
        coalesce(:session_name::label, :strategy_name::label || ' ' || :symbol::symbol),
        :mode, :strategy_name, :symbol, :timeframe, :exchange, :base_currency, :start_time,
        :initial_balance, :initial_balance, 1, :strategy_config, :time_exit_config, :market_timezone,
        :is_verification, :request_id, :request_hash
    )
    ON CONFLICT (request_id) DO UPDATE
       SET request_id = CASE trading_sessions.request_hash
               WHEN excluded.request_hash THEN excluded.request_id
               ELSE refuse_request(excluded.request_id)
           END
    RETURNING id, session_name, start_time, initial_balance, base_currency, strategy_name, symbol, timeframe, mode,
              request_id, request_hash, xmax = 0 AS inserted
), entry AS (
    INSERT INTO account_balances (
        session_id, entry_number, entry_type, previous_balance, delta, total_balance, base_currency,
        update_reason, updated_by, last_updated, request_id, request_hash
    )
    SELECT id, 1, 'INITIAL', 0, initial_balance, initial_balance, base_currency,
           'session start', 'engine', start_time, request_id, request_hash
      FROM session
     WHERE inserted
), event AS (
    INSERT INTO system_events (session_id, timestamp, event_type, severity, message, details, request_id, request_hash)
    SELECT id, start_time, 'ENGINE_START', 'INFO', 'Session started: ' || session_name,
           jsonb_build_object(
               'strategy_name', strategy_name, 'symbol', symbol, 'timeframe', timeframe, 'mode', mode,
               'initial_balance', initial_balance::text
           ),
           request_id, request_hash
      FROM session
     WHERE inserted
)
SELECT id
  FROM session
