-- Release the hold on a session, so that another engine may claim it at once; without the hold it changes nothing.
UPDATE session_holds
   SET expires_at = greatest(renewed_at, least(expires_at, clock_timestamp()))
 WHERE session_id = :session_id
   AND existing_session(:session_id) IS NOT NULL
   AND token = :token
