-- End a session with its final figures and an ENGINE_STOP event; ending it again changes nothing. The session's id.
WITH ended AS (
    SELECT id, session_name, end_time, final_balance, total_pnl, total_trades
      FROM finish_session(:session_id, :end_time::instant)
), event AS (
    INSERT INTO system_events (session_id, timestamp, event_type, severity, message, details)
    SELECT id, end_time, 'ENGINE_STOP', 'INFO', 'Session ended: ' || session_name,
           jsonb_build_object(
               'final_balance', final_balance::text, 'total_pnl', total_pnl::text, 'total_trades', total_trades
           )
      FROM ended
), released AS (
    UPDATE session_holds AS h
       SET renewed_at = least(h.renewed_at, clock_timestamp()),
           expires_at = least(h.expires_at, clock_timestamp())
      FROM ended AS e
     WHERE h.session_id = e.id
)
SELECT coalesce((SELECT id FROM ended), existing_session(:session_id)) AS id
 WHERE :token::uuid IS NULL
    OR NOT EXISTS (SELECT FROM ended)
    OR kept_hold(:session_id, :token) IS NOT NULL
