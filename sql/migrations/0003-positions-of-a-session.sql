-- transactional: false
-- The index of a session's positions also has their ids: the check of a foreign key (position, session) then reads one
-- row by it, and not all positions of the session.
CREATE INDEX CONCURRENTLY IF NOT EXISTS positions_session_id_id_idx ON positions (session_id, id);
DROP INDEX CONCURRENTLY IF EXISTS positions_session_id_idx;
