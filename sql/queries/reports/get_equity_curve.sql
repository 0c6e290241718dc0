-- The equity over time in at most `points` points: the first, the last, and the extremes of equal parts between.
WITH series AS MATERIALIZED (
    SELECT time, place, equity, peak, drawdown
      FROM equity_series(:session_id, :source, :strategy_name, :symbol, :start, :end)
), total AS (
    SELECT max(place) AS rows FROM series
), parts AS (
    SELECT s.place, s.equity, s.drawdown, (s.place - 1) * ((:points::integer - 2) / 3) / total.rows AS part
      FROM series AS s
     CROSS JOIN total
     WHERE total.rows > :points AND :points >= 5
), extremes AS (
    SELECT part, min(equity) AS lowest, max(equity) AS highest, max(drawdown) AS deepest
      FROM parts
     GROUP BY part
), kept AS (
    SELECT unnest(
               ARRAY[
                   min(p.place) FILTER (WHERE p.equity = e.lowest),
                   min(p.place) FILTER (WHERE p.equity = e.highest),
                   min(p.place) FILTER (WHERE p.drawdown = e.deepest)
               ]
           ) AS place
      FROM parts AS p
      JOIN extremes AS e ON e.part = p.part
     GROUP BY p.part
)
SELECT s.time AS timestamp, s.equity, s.peak, s.drawdown
  FROM series AS s
 CROSS JOIN total
 WHERE total.rows <= :points
    OR (s.place = total.rows AND :points >= 1)
    OR (s.place = 1 AND :points >= 2)
    OR s.place IN (SELECT place FROM kept)
 ORDER BY s.place
