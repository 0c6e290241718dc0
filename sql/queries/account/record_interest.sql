-- Record interest that the account paid or received, with a ledger entry; the balance after.
SELECT record_money(
           :session_id, 'INTEREST', :amount, :reason, :updated_by, :timestamp::exchange_time, :token,
           :request_id, :request_hash
       ) AS balance
