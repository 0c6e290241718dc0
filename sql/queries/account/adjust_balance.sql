-- Change a session's balance by an amount, with a ledger entry; the balance after.
SELECT coalesce(
           recorded_balance(:session_id, :request_id, :request_hash),
           book(
               :session_id, :delta::amount, 'ADJUSTMENT', :reason::label, :updated_by::label, :timestamp::instant,
               :request_id, :request_hash
           )
       ) AS balance
