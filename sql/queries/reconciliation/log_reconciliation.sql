-- Record a difference between our records and the exchange, and its correction; the record's id.
INSERT INTO reconciliation_audit_events (
    session_id, timestamp, entity_type, entity_id, field, old_value, new_value, reason, severity,
    request_id, request_hash
) VALUES (
    :session_id, :timestamp, :entity_type, :entity_id, :field, :old_value, :new_value, :reason, :severity,
    :request_id, :request_hash
)
ON CONFLICT (request_id) DO UPDATE
   SET request_id = CASE reconciliation_audit_events.request_hash
           WHEN excluded.request_hash THEN excluded.request_id
           ELSE refuse_request(excluded.request_id)
       END
RETURNING id
