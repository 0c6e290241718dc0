-- The P&L by strategy, best first.
SELECT label AS strategy_name, total_trades, winning_trades, losing_trades, win_rate, gross_pnl, costs, net_pnl
  FROM pnl_by('strategy_name', :session_id, :source, :strategy_name, :symbol, :start, :end)
 ORDER BY net_pnl DESC, label
