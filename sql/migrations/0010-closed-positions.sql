-- transactional: false
-- Closed positions by their entry, as open ones are: get_positions reads pages of both, whatever a session has recorded.
CREATE INDEX CONCURRENTLY IF NOT EXISTS positions_closed_idx ON positions (session_id, entry_time, id)
WHERE status = 'CLOSED';
