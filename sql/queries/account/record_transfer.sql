-- Record a deposit or a withdrawal, with a ledger entry; the balance after.
SELECT record_money(
           :session_id, 'TRANSFER', :amount, :reason, :updated_by, :timestamp::exchange_time, :token,
           :request_id, :request_hash
       ) AS balance
