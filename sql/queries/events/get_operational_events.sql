-- The newest events of a type that belong to no session, newest first.
SELECT id, session_id, timestamp, event_type, severity, message, details, component, error_code, stack_trace,
       alert_sent, alert_method
  FROM system_events
 WHERE session_id IS NULL
   AND event_type = :event_type
 ORDER BY timestamp DESC, id DESC
 LIMIT :limit
