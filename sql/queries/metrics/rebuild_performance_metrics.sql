-- Replace a session's metrics by a recomputation from its trades; the number of rows.
SELECT rebuild_metrics(:session_id) AS rows_written
