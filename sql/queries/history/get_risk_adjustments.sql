-- Changes of risk parameters in any sessions, newest first, a page at a time.
SELECT x.id, x.session_id, x.timestamp, x.adjustment_type, x.trigger_reason, x.parameter_name, x.original_value,
       x.adjusted_value, x.adjustment_factor, x.current_drawdown, x.performance_score, x.volatility_level,
       x.duration_minutes, x.trades_during_adjustment, x.pnl_during_adjustment
  FROM chosen_sessions(:session_id, :source, NULL, NULL) AS s
 CROSS JOIN LATERAL (
           SELECT r.id, r.session_id, r.timestamp, r.adjustment_type, r.trigger_reason, r.parameter_name,
                  r.original_value, r.adjusted_value, r.adjustment_factor, r.current_drawdown, r.performance_score,
                  r.volatility_level, r.duration_minutes, r.trades_during_adjustment, r.pnl_during_adjustment
             FROM risk_adjustments AS r
            WHERE r.session_id = s.session_id
              AND (:parameter_name::text IS NULL OR r.parameter_name = :parameter_name)
              AND r.timestamp >= coalesce(:start::timestamptz, '-infinity')
              AND r.timestamp < coalesce(:end::timestamptz, 'infinity')
              AND (r.timestamp, r.id) < (coalesce(:before::timestamptz, 'infinity'), coalesce(:before_id::bigint, 0))
            ORDER BY r.timestamp DESC, r.id DESC
            LIMIT :limit
       ) AS x
 ORDER BY x.timestamp DESC, x.id DESC
 LIMIT :limit
