-- Arguments for the read statements, taken from what is there: one row, NULL where there is nothing.
SELECT (
           SELECT id
             FROM trading_sessions
            ORDER BY total_trades DESC NULLS LAST, id DESC
            LIMIT 1
       ) AS session_id,
       (SELECT max(id) FROM positions) AS position_id,
       (SELECT max(id) FROM orders) AS order_id,
       (SELECT max(id) FROM trades) AS trade_id,
       (SELECT min(strategy_id::text) FROM strategy_registry) AS strategy_id,
       (SELECT min(model_name::text) FROM prediction_performance) AS model_name,
       (SELECT min(cache_key::text) FROM prediction_cache) AS cache_key,
       (SELECT min(symbol::text) FROM trading_sessions) AS symbol,
       (SELECT min(strategy_name::text) FROM trading_sessions) AS strategy_name
