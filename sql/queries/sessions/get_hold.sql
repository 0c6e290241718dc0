-- The hold on a session, or the last there was; NULL when no engine ever claimed it.
SELECT session_id, holder, claim, acquired_at, renewed_at, expires_at, expires_at > clock_timestamp() AS is_held
  FROM session_holds
 WHERE session_id = :session_id
   AND existing_session(:session_id) IS NOT NULL
