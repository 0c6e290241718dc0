-- Record the account as it is at a moment; the snapshot's id.
WITH recorded AS (
    INSERT INTO account_history (
        session_id, timestamp, balance, equity, margin_used, margin_available, total_pnl, daily_pnl, drawdown,
        open_positions, total_exposure, details, request_id, request_hash
    ) VALUES (
        :session_id, :timestamp, :balance, :equity, :margin_used, :margin_available, :total_pnl, :daily_pnl, :drawdown,
        :open_positions, :total_exposure, :details::document, :request_id, :request_hash
    )
    ON CONFLICT (request_id) DO UPDATE
       SET request_id = CASE account_history.request_hash
               WHEN excluded.request_hash THEN excluded.request_id
               ELSE refuse_request(excluded.request_id)
           END
    RETURNING id, session_id, xmax = 0 AS inserted
)
SELECT id
  FROM recorded
 WHERE NOT inserted
    OR (active_session(session_id) IS NOT NULL AND fenced(session_id, :token::uuid))
