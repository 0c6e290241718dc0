-- Renew the hold on a session; from when on it will be free unless it is renewed again.
WITH renewed AS (
    UPDATE session_holds
       SET asked_at = :timestamp,
           renewed_at = clock_timestamp(),
           expires_at = greatest(
               expires_at, clock_timestamp() + make_interval(secs => :lease::ttl_seconds::double precision)
           )
     WHERE session_id = :session_id
       AND token = :token
       -- The same renewal again; which of two is later by the engine's clock does not matter, as that may be set back.
       AND asked_at <> :timestamp::instant
    RETURNING expires_at
)
SELECT coalesce(
           (SELECT expires_at FROM renewed),
           kept_hold(:session_id, :token)
       ) AS expires_at
 WHERE active_session(:session_id) IS NOT NULL
