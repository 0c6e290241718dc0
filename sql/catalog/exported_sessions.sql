-- The sessions to export: the one, those with something since a moment, or all; none whose rows are being removed.
SELECT id
  FROM trading_sessions
 WHERE purge_started_at IS NULL
   AND id = coalesce($1::bigint, id)
   AND coalesce(end_time, 'infinity') >= coalesce($2::timestamptz, '-infinity')
   AND ($1::bigint IS NOT NULL OR NOT is_verification)
 ORDER BY id
