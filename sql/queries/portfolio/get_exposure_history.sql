-- The exposures of a group of symbols that were stored before a moment, newest first, a page at a time.
SELECT timestamp, total_exposure, position_count, symbols
  FROM exposure_history
 WHERE mode = :mode
   AND correlation_group = :correlation_group
   AND timestamp >= coalesce(:start::timestamptz, '-infinity')
   AND timestamp < coalesce(:before::timestamptz, 'infinity')
 ORDER BY timestamp DESC
 LIMIT :limit
