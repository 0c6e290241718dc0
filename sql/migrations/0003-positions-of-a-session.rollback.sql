CREATE INDEX positions_session_id_idx ON positions (session_id);
DROP INDEX positions_session_id_id_idx;
