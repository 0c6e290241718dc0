-- Store the exposure of a group of correlated symbols, unless a newer one is stored.
INSERT INTO portfolio_exposures AS e (
    mode, correlation_group, total_exposure, position_count, symbols, last_updated
) VALUES (
    :mode, :correlation_group, :total_exposure, :position_count, :symbols, :last_updated
)
ON CONFLICT (mode, correlation_group) DO UPDATE
   SET total_exposure = excluded.total_exposure,
       position_count = excluded.position_count,
       symbols = excluded.symbols,
       last_updated = excluded.last_updated
 WHERE e.last_updated <= excluded.last_updated
