-- One session.
SELECT id, session_name, mode, strategy_name, symbol, timeframe, exchange, base_currency, start_time, end_time,
       is_active, initial_balance, current_balance, final_balance, total_pnl, total_trades, win_rate, max_drawdown,
       strategy_config, time_exit_config, market_timezone, is_verification
  FROM trading_sessions
 WHERE id = :session_id
   AND existing_session(:session_id) IS NOT NULL
