-- How far the newest equity is below its peak; None if there is no equity yet.
SELECT last_time AS timestamp, closing AS equity, peak, drawdown(peak, closing) AS drawdown
  FROM equity_steps(:session_id, :source, :strategy_name, :symbol, :start, :end, '{}', '{}')
 ORDER BY place DESC
 LIMIT 1
