-- Bulk-load system events.
COPY system_events (
    session_id, timestamp, event_type, severity, message, details, component, error_code, stack_trace,
    alert_sent, alert_method, request_id, request_hash
) FROM STDIN
