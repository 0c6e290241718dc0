-- Set a session's balance, with a ledger entry and a BALANCE_ADJUSTMENT event; the balance after.
SELECT set_balance(
           :session_id, :balance, :reserved_balance, :asset_balances, :reason, :updated_by, :timestamp, :token,
           :request_id, :request_hash
       ) AS balance
