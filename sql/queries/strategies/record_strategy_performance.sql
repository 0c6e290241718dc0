-- Record how a version of a strategy performed in a period; the record's id.
INSERT INTO strategy_performance (
    strategy_id, version, period_start, period_end, period_type, total_return, total_return_pct, sharpe_ratio,
    sortino_ratio, calmar_ratio, max_drawdown, volatility, var_95, win_rate, total_trades, winning_trades,
    losing_trades,
    avg_trade_duration_hours, signal_generator_contribution, risk_manager_contribution, position_sizer_contribution,
    regime_performance, additional_metrics, test_symbol, test_timeframe, test_parameters, request_id, request_hash
) VALUES (
    :strategy_id, :version, :period_start, :period_end, :period_type, :total_return, :total_return_pct, :sharpe_ratio,
    :sortino_ratio, :calmar_ratio, :max_drawdown, :volatility, :var_95, :win_rate, :total_trades, :winning_trades,
    :losing_trades,
    :avg_trade_duration_hours, :signal_generator_contribution, :risk_manager_contribution, :position_sizer_contribution,
    :regime_performance, :additional_metrics, :test_symbol, :test_timeframe, :test_parameters, :request_id,
    :request_hash
)
ON CONFLICT (request_id) DO UPDATE
   SET request_id = CASE strategy_performance.request_hash
           WHEN excluded.request_hash THEN excluded.request_id
           ELSE refuse_request(excluded.request_id)
       END
RETURNING id
