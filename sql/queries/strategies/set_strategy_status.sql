-- Change a strategy's status, with a STRATEGY_CHANGE event; the strategy's number.
WITH event AS (
    INSERT INTO system_events (timestamp, event_type, severity, message, details, component, request_id, request_hash)
    VALUES (
        :timestamp, 'STRATEGY_CHANGE', 'INFO',
        'Strategy ' || :strategy_id::label || ' is now ' || :status::strategy_status
        || coalesce(': ' || :reason::label, ''),
        jsonb_build_object('strategy_id', :strategy_id, 'status', :status, 'reason', :reason),
        'strategies', :request_id, :request_hash
    )
    ON CONFLICT (request_id) DO UPDATE
       SET request_id = CASE system_events.request_hash
               WHEN excluded.request_hash THEN excluded.request_id
               ELSE refuse_request(excluded.request_id)
           END
    RETURNING timestamp, xmax = 0 AS inserted
), updated AS (
    UPDATE strategy_registry AS s
       SET status = :status,
           updated_at = greatest(s.updated_at, e.timestamp)
      FROM event AS e
     WHERE s.strategy_id = :strategy_id
       AND e.inserted
    RETURNING s.id
)
SELECT coalesce((SELECT id FROM updated), existing_strategy(:strategy_id)) AS id
  FROM event
