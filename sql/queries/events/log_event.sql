-- Record a system event; its id.
INSERT INTO system_events (
    session_id, timestamp, event_type, severity, message, details, component, error_code, stack_trace,
    alert_sent, alert_method, request_id, request_hash
) VALUES (
    :session_id, :timestamp, :event_type, :severity, :message, :details, :component, :error_code, :stack_trace,
    :alert_sent, :alert_method, :request_id, :request_hash
)
ON CONFLICT (request_id) DO UPDATE
   SET request_id = CASE system_events.request_hash
           WHEN excluded.request_hash THEN excluded.request_id
           ELSE refuse_request(excluded.request_id)
       END
RETURNING id
