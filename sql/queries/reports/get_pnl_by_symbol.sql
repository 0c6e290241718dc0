-- The P&L by symbol, best first.
SELECT label AS symbol, total_trades, winning_trades, losing_trades, win_rate, gross_pnl, costs, net_pnl
  FROM pnl_by('symbol', :session_id, :source, :strategy_name, :symbol, :start, :end)
 ORDER BY net_pnl DESC, label
