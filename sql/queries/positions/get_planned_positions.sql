-- A session's planned positions: their entry orders are journaled and nothing of them is filled; oldest first.
SELECT id, session_id, symbol, side, planned_quantity, planned_size, stop_loss, take_profit, trailing_stop,
       strategy_name, entry_time AS planned_at
  FROM positions
 WHERE session_id = :session_id
   AND existing_session(:session_id) IS NOT NULL
   AND status = 'PLANNED'
 ORDER BY entry_time, id
