-- How far the newest equity is below its peak; None before there is any equity.
SELECT time AS timestamp, equity, peak, drawdown
  FROM equity_series(:session_id, :source, :strategy_name, :symbol, :start, :end)
 ORDER BY place DESC
 LIMIT 1
