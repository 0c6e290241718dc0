-- The optimiser's runs before a moment, newest first, a page at a time.
SELECT id, session_id, timestamp, strategy_name, symbol, timeframe, baseline_metrics, candidate_params,
       candidate_metrics, validator_report, decision
  FROM optimization_cycles
 WHERE (timestamp, id) < (coalesce(:before::timestamptz, 'infinity'), coalesce(:before_cycle::bigint, 0))
   AND (:strategy_name::text IS NULL OR strategy_name = :strategy_name)
   AND (:symbol::text IS NULL OR symbol = :symbol)
 ORDER BY timestamp DESC, id DESC
 LIMIT :limit
