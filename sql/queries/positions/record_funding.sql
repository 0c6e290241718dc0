-- Record funding that a position paid or received, with a ledger entry; the balance after.
SELECT record_carry(
           :position_id, 'FUNDING', :amount, :reason, :timestamp::exchange_time, :token, :request_id, :request_hash
       ) AS balance
