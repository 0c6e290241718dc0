-- The worst drawdowns, deepest first.
SELECT started_at, trough_at, recovered_at, peak, trough, drawdown
  FROM drawdown_episodes(:session_id, :source, :strategy_name, :symbol, :start, :end)
 ORDER BY drawdown DESC, started_at
 LIMIT :limit
