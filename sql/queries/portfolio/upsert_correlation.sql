-- Store the correlation of two symbols over a window in their history, and as the newest unless a newer is stored.
WITH given AS (
    SELECT :window_days::positive_integer AS window_days,
           least(:symbol::symbol COLLATE "C", :other_symbol::symbol) AS first_symbol,
           greatest(:symbol COLLATE "C", :other_symbol) AS second_symbol,
           :correlation_value::correlation AS correlation_value, :p_value::fraction AS p_value,
           :sample_size::counter AS sample_size, :last_updated::instant AS last_updated
), kept AS (
    INSERT INTO correlation_history (
        timestamp, window_days, first_symbol, second_symbol, correlation_value, p_value, sample_size
    )
    SELECT last_updated, window_days, first_symbol, second_symbol, correlation_value, p_value, sample_size
      FROM given
    ON CONFLICT (window_days, first_symbol, second_symbol, timestamp) DO UPDATE
       SET correlation_value = excluded.correlation_value,
           p_value = excluded.p_value,
           sample_size = excluded.sample_size
)
INSERT INTO correlation_matrix AS m (
    window_days, first_symbol, second_symbol, correlation_value, p_value, sample_size, last_updated
)
SELECT window_days, first_symbol, second_symbol, correlation_value, p_value, sample_size, last_updated
  FROM given
ON CONFLICT (window_days, first_symbol, second_symbol) DO UPDATE
   SET correlation_value = excluded.correlation_value,
       p_value = excluded.p_value,
       sample_size = excluded.sample_size,
       last_updated = excluded.last_updated
 WHERE m.last_updated <= excluded.last_updated
