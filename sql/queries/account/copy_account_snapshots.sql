-- Bulk-load snapshots of the account.
COPY account_history (
    session_id, timestamp, balance, equity, margin_used, margin_available, total_pnl, daily_pnl, drawdown,
    open_positions, total_exposure, details, request_id, request_hash
) FROM STDIN
