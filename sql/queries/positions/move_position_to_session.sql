-- Move a position that is not closed to another session, with its orders and realised P&L; the position's id.
SELECT move_position_to_session(
           held => :position_id, target => :session_id, why => :reason, at => :timestamp, request => :request_id,
           content_hash => :request_hash
       ) AS id
