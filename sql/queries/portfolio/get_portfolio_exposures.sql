-- The exposure of each group of correlated symbols, largest first.
SELECT mode, correlation_group, total_exposure, position_count, symbols, last_updated
  FROM portfolio_exposures
 WHERE mode = coalesce(:mode, mode)
 ORDER BY total_exposure DESC, correlation_group
