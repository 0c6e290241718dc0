-- A session's newest events, newest first.
SELECT id, session_id, timestamp, event_type, severity, message, details, component, error_code, stack_trace,
       alert_sent, alert_method
  FROM system_events
 WHERE session_id = :session_id
   AND existing_session(:session_id) IS NOT NULL
 ORDER BY timestamp DESC, id DESC
 LIMIT :limit
