-- A session's newest ledger entries, newest first.
SELECT id, session_id, entry_number, entry_type, previous_balance, pnl, commission, amount, delta, total_balance,
       reserved_balance, available_balance, base_currency, position_id, order_fill_id, update_reason, updated_by,
       last_updated, request_id, asset_balances
  FROM account_balances
 WHERE session_id = :session_id
   AND existing_session(:session_id) IS NOT NULL
 ORDER BY entry_number DESC
 LIMIT :limit
