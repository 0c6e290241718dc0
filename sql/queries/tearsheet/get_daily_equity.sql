-- The equity at the end of every UTC day, its return, and volatility and Sharpe ratio of 30 days up to it.
SELECT day, equity, transferred, daily_return, max_drawdown,
       CASE
           WHEN count(daily_return) OVER recent >= 30
               THEN trim_scale(round(stddev_samp(daily_return) OVER recent * sqrt(365::numeric), 12))
       END AS rolling_volatility,
       CASE
           WHEN count(daily_return) OVER recent >= 30
               THEN trim_scale(
                   round(
                       avg(daily_return) OVER recent / nullif(stddev_samp(daily_return) OVER recent, 0)
                       * sqrt(365::numeric),
                       12
                   )
               )
       END AS rolling_sharpe_ratio
  FROM daily_equity(:session_id, :source, :strategy_name, :symbol, :start, :end)
WINDOW recent AS (ORDER BY day ROWS 29 PRECEDING)
 ORDER BY day
