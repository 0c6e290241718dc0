-- The equity over time in at most `points` points: the first, the last, and the extremes of equal parts between.
SELECT time AS timestamp, equity, peak, drawdown
  FROM equity_curve(:session_id, :source, :strategy_name, :symbol, :start, :end, :points)
