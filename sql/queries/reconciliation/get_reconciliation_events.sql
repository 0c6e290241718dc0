-- A session's newest reconciliation events, newest first.
SELECT id, session_id, timestamp, entity_type, entity_id, field, old_value, new_value, reason, severity
  FROM reconciliation_audit_events
 WHERE session_id = :session_id
   AND existing_session(:session_id) IS NOT NULL
 ORDER BY timestamp DESC, id DESC
 LIMIT :limit
