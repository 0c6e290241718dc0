-- Release the hold on a session, so that another engine may claim it at once; without the hold it changes nothing.
-- The server's clock may have been set back since the hold was renewed.
UPDATE session_holds
   SET renewed_at = least(renewed_at, clock_timestamp()),
       expires_at = least(expires_at, clock_timestamp())
 WHERE session_id = :session_id
   AND existing_session(:session_id) IS NOT NULL
   AND token = :token
