-- Set a session's balance, with a ledger entry and a BALANCE_ADJUSTMENT event; the balance after.
WITH before AS MATERIALIZED (
    SELECT recorded_balance(:session_id, :request_id, :request_hash) AS recorded
), current AS MATERIALIZED (
    SELECT locked_balance(:session_id) AS balance
      FROM before
     WHERE recorded IS NULL
), event AS (
    INSERT INTO system_events (session_id, timestamp, event_type, severity, message, details, request_id, request_hash)
    SELECT :session_id, :timestamp, 'BALANCE_ADJUSTMENT', 'WARNING', 'Balance set: ' || :reason::label,
           jsonb_build_object(
               'old_balance', balance::text, 'new_balance', :balance::amount::text, 'updated_by', :updated_by::label
           ),
           :request_id, :request_hash
      FROM current
)
SELECT coalesce(
           before.recorded,
           book(
               :session_id, :balance - current.balance, 'ADJUSTMENT', :reason, :updated_by, :timestamp,
               :request_id, :request_hash
           )
       ) AS balance
  FROM before
  LEFT JOIN current ON TRUE
