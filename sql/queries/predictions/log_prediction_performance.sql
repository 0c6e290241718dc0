-- Record how accurate a model's predictions were; the record's id.
INSERT INTO prediction_performance (
    timestamp, model_name, horizon, mae, rmse, mape, ic, mean_pred, std_pred, mean_real, std_real,
    strategy_name, symbol, timeframe, request_id, request_hash
) VALUES (
    :timestamp, :model_name, :horizon, :mae, :rmse, :mape, :ic, :mean_pred, :std_pred, :mean_real, :std_real,
    :strategy_name, :symbol, :timeframe, :request_id, :request_hash
)
ON CONFLICT (request_id) DO UPDATE
   SET request_id = CASE prediction_performance.request_hash
           WHEN excluded.request_hash THEN excluded.request_id
           ELSE refuse_request(excluded.request_id)
       END
RETURNING id
