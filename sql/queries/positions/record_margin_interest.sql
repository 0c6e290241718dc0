-- Record interest that a position's borrowed funds cost, with a ledger entry; the balance after.
SELECT record_carry(
           :position_id, 'INTEREST', -:cost::amount, :reason, :timestamp::exchange_time, :token, :request_id,
           :request_hash
       ) AS balance
