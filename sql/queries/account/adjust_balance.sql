-- Change a session's balance by an amount, with a ledger entry; the balance after.
SELECT record_money(
           :session_id, 'ADJUSTMENT', :delta, :reason, :updated_by, :timestamp, :token, :request_id, :request_hash
       ) AS balance
