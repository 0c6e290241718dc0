-- The worst drawdowns, deepest first.
SELECT started_at, trough_at, recovered_at, peak, trough, drawdown
  FROM worst_drawdowns(:session_id, :source, :strategy_name, :symbol, :start, :end, :limit)
