-- Store the correlation of two symbols over a window, unless a newer one is stored.
INSERT INTO correlation_matrix AS m (
    window_days, first_symbol, second_symbol, correlation_value, p_value, sample_size, last_updated
) VALUES (
    :window_days,
    least(:symbol::symbol COLLATE "C", :other_symbol::symbol),
    greatest(:symbol COLLATE "C", :other_symbol),
    :correlation_value, :p_value, :sample_size, :last_updated
)
ON CONFLICT (window_days, first_symbol, second_symbol) DO UPDATE
   SET correlation_value = excluded.correlation_value,
       p_value = excluded.p_value,
       sample_size = excluded.sample_size,
       last_updated = excluded.last_updated
 WHERE m.last_updated <= excluded.last_updated
