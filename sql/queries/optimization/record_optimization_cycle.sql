-- Record a run of the optimiser; the cycle's id.
INSERT INTO optimization_cycles (
    session_id, timestamp, strategy_name, symbol, timeframe, baseline_metrics, candidate_params, candidate_metrics,
    validator_report, decision, request_id, request_hash
) VALUES (
    :session_id, :timestamp, :strategy_name, :symbol, :timeframe, :baseline_metrics, :candidate_params,
    :candidate_metrics, :validator_report, :decision, :request_id, :request_hash
)
ON CONFLICT (request_id) DO UPDATE
   SET request_id = CASE optimization_cycles.request_hash
           WHEN excluded.request_hash THEN excluded.request_id
           ELSE refuse_request(excluded.request_id)
       END
RETURNING id
