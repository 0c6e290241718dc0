-- The P&L by exit reason, best first.
SELECT label AS exit_reason, total_trades, winning_trades, losing_trades, win_rate, gross_pnl, costs, net_pnl
  FROM pnl_by('exit_reason', :session_id, :source, :strategy_name, :symbol, :start, :end)
 ORDER BY net_pnl DESC, label
