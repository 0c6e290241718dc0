-- How long ago the newest backup of the last weeks was made; no row without one.
SELECT extract(EPOCH FROM clock_timestamp() - timestamp)::double precision AS seconds
  FROM system_events
 WHERE session_id IS NULL
   AND event_type = 'BACKUP'
   AND timestamp > clock_timestamp() - interval '35 days'
 ORDER BY timestamp DESC
 LIMIT 1
