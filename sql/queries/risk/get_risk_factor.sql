-- A session's present risk factor and its reason: those of its newest adjustment; None if there is none.
SELECT adjustment_factor, trigger_reason, adjustment_type, parameter_name, original_value, adjusted_value, timestamp
  FROM risk_adjustments
 WHERE session_id = :session_id
   AND existing_session(:session_id) IS NOT NULL
 ORDER BY timestamp DESC, id DESC
 LIMIT 1
