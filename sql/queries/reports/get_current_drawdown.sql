-- How far the newest equity is below its peak; None if there is no equity yet.
SELECT time AS timestamp, equity, peak, drawdown
  FROM equity_series(:session_id, :source, :strategy_name, :symbol, :start, :end)
 ORDER BY place DESC
 LIMIT 1
