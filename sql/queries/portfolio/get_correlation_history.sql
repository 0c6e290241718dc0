-- The correlations of two symbols over a window that were stored before a moment, newest first, a page at a time.
SELECT timestamp, correlation_value, p_value, sample_size
  FROM correlation_history
 WHERE window_days = :window_days
   AND first_symbol = least(:symbol::symbol COLLATE "C", :other_symbol::symbol)
   AND second_symbol = greatest(:symbol COLLATE "C", :other_symbol)
   AND timestamp >= coalesce(:start::timestamptz, '-infinity')
   AND timestamp < coalesce(:before::timestamptz, 'infinity')
 ORDER BY timestamp DESC
 LIMIT :limit
