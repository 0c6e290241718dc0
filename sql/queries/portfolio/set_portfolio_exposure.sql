-- Store the exposure of a group of correlated symbols in its history, and as the newest unless a newer is stored.
WITH given AS (
    SELECT :mode::trade_source AS mode, :correlation_group::label AS correlation_group,
           :total_exposure::nonnegative AS total_exposure, :position_count::counter AS position_count,
           :symbols::document AS symbols, :last_updated::instant AS last_updated
), kept AS (
    INSERT INTO exposure_history (timestamp, mode, correlation_group, total_exposure, position_count, symbols)
    SELECT last_updated, mode, correlation_group, total_exposure, position_count, symbols
      FROM given
    ON CONFLICT (mode, correlation_group, timestamp) DO UPDATE
       SET total_exposure = excluded.total_exposure,
           position_count = excluded.position_count,
           symbols = excluded.symbols
)
INSERT INTO portfolio_exposures AS e (
    mode, correlation_group, total_exposure, position_count, symbols, last_updated
)
SELECT mode, correlation_group, total_exposure, position_count, symbols, last_updated
  FROM given
ON CONFLICT (mode, correlation_group) DO UPDATE
   SET total_exposure = excluded.total_exposure,
       position_count = excluded.position_count,
       symbols = excluded.symbols,
       last_updated = excluded.last_updated
 WHERE e.last_updated <= excluded.last_updated
