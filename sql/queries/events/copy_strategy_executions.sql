-- Bulk-load decisions of strategies.
COPY strategy_executions (
    session_id, trade_id, timestamp, strategy_name, symbol, timeframe, signal_type, signal_strength, confidence_score,
    action_taken, price, position_size, volume, volatility, indicators, sentiment_data, ml_predictions, reasons,
    request_id, request_hash
) FROM STDIN
