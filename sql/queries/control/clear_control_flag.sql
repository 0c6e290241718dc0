-- Clear a control flag, or define it as cleared, with a WARNING event; refused if it was set meanwhile.
WITH event AS (
    INSERT INTO system_events (timestamp, event_type, severity, message, details, component, request_id, request_hash)
    VALUES (
        :timestamp, 'ALERT', 'WARNING', 'Control flag ' || :name::label || ' cleared: ' || :reason::label,
        jsonb_build_object('name', :name, 'active', FALSE, 'reason', :reason, 'source', :source::label),
        'control', :request_id, :request_hash
    )
    ON CONFLICT (request_id) DO UPDATE
       SET request_id = CASE system_events.request_hash
               WHEN excluded.request_hash THEN excluded.request_id
               ELSE refuse_request(excluded.request_id)
           END
    RETURNING timestamp, xmax = 0 AS inserted
)
INSERT INTO system_control_flags AS f (name, active, reason, source, updated_at)
SELECT :name, FALSE, :reason, :source, timestamp
  FROM event
 WHERE inserted
ON CONFLICT (name) DO UPDATE
   SET active = excluded.active,
       reason = excluded.reason,
       source = excluded.source,
       updated_at = CASE
           WHEN f.active AND f.updated_at > excluded.updated_at THEN refuse_clear(f, excluded.updated_at)
           ELSE greatest(f.updated_at, excluded.updated_at)
       END
