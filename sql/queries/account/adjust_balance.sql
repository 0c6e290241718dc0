-- Change a session's balance by an amount, with a ledger entry; the balance after.
SELECT coalesce(
           recorded_balance(:session_id, :request_id, :request_hash),
           book(:session_id, :delta, 'ADJUSTMENT', :reason, :updated_by, :timestamp, :request_id, :request_hash)
       ) AS balance
