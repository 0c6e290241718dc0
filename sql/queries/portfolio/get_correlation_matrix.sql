-- The newest correlation of every pair of symbols over a window, by pair.
SELECT first_symbol, second_symbol, symbol_pair, correlation_value, p_value, sample_size, window_days, last_updated
  FROM correlation_matrix
 WHERE window_days = :window_days
 ORDER BY first_symbol, second_symbol
