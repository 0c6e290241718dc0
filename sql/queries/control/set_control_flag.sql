-- Set a control flag, with a CRITICAL event: from then on it restricts the bot.
WITH event AS (
    INSERT INTO system_events (timestamp, event_type, severity, message, details, component, request_id, request_hash)
    VALUES (
        :timestamp, 'ALERT', 'CRITICAL', 'Control flag ' || :name::label || ' set: ' || :reason::label,
        jsonb_build_object('name', :name, 'active', TRUE, 'reason', :reason, 'source', :source::label),
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
SELECT :name, TRUE, :reason, :source, timestamp
  FROM event
 WHERE inserted
   AND orders_held_off(:name)
ON CONFLICT (name) DO UPDATE
   SET active = excluded.active,
       reason = excluded.reason,
       source = excluded.source,
       updated_at = greatest(f.updated_at, excluded.updated_at)
