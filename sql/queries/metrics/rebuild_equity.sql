-- Compute the equity that is kept of a session's hours and days again from its snapshots; the number of rows.
SELECT rebuild_equity(:session_id) AS rows_written
