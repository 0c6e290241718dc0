-- The state of a session: balance, P&L in total, today and this week, and open positions.
SELECT s.id AS session_id, s.session_name, s.mode, s.strategy_name, s.symbol, s.timeframe, s.base_currency, s.is_active,
       s.start_time, s.initial_balance, f.balance, f.equity, f.snapshot_time, f.total_trades, f.win_rate,
       f.profit_factor, f.expectancy, f.current_streak, f.gross_pnl, f.net_pnl, f.trades_today, f.gross_pnl_today,
       f.net_pnl_today, f.trades_this_week, f.gross_pnl_this_week, f.net_pnl_this_week, f.trades_opened_today,
       f.open_positions, f.unrealized_pnl
  FROM trading_sessions AS s
 CROSS JOIN account_figures(:session_id, :now) AS f
 WHERE s.id = :session_id
