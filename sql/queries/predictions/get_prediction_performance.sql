-- The measured accuracy of a model's predictions since a moment, newest first.
SELECT id, timestamp, model_name, horizon, mae, rmse, mape, ic, mean_pred, std_pred, mean_real, std_real,
       strategy_name, symbol, timeframe
  FROM prediction_performance
 WHERE model_name = :model_name
   AND timestamp >= coalesce(:since::timestamptz, '-infinity')
   AND (:symbol::text IS NULL OR symbol = :symbol)
   AND (:horizon::integer IS NULL OR horizon = :horizon)
 ORDER BY timestamp DESC, id DESC
 LIMIT :limit
