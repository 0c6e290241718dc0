-- The tables by size, largest first.
WITH counted (table_name, row_count) AS (
    SELECT 'account_balances', count(*) FROM account_balances
     UNION ALL
    SELECT 'account_history', count(*) FROM account_history
     UNION ALL
    SELECT 'correlation_history', count(*) FROM correlation_history
     UNION ALL
    SELECT 'correlation_matrix', count(*) FROM correlation_matrix
     UNION ALL
    SELECT 'decision_chunks', count(*) FROM decision_chunks
     UNION ALL
    SELECT 'deployment', count(*) FROM deployment
     UNION ALL
    SELECT 'dynamic_performance_metrics', count(*) FROM dynamic_performance_metrics
     UNION ALL
    SELECT 'equity_rolls', count(*) FROM equity_rolls
     UNION ALL
    SELECT 'equity_spans', count(*) FROM equity_spans
     UNION ALL
    SELECT 'exposure_history', count(*) FROM exposure_history
     UNION ALL
    SELECT 'import_sources', count(*) FROM import_sources
     UNION ALL
    SELECT 'imported_rows', count(*) FROM imported_rows
     UNION ALL
    SELECT 'market_sessions', count(*) FROM market_sessions
     UNION ALL
    SELECT 'optimization_cycles', count(*) FROM optimization_cycles
     UNION ALL
    SELECT 'order_day_parts', count(*) FROM order_day_parts
     UNION ALL
    SELECT 'order_days', count(*) FROM order_days
     UNION ALL
    SELECT 'order_fills', count(*) FROM order_fills
     UNION ALL
    SELECT 'orders', count(*) FROM orders
     UNION ALL
    SELECT 'partial_trades', count(*) FROM partial_trades
     UNION ALL
    SELECT 'performance_metrics', count(*) FROM performance_metrics
     UNION ALL
    SELECT 'portfolio_exposures', count(*) FROM portfolio_exposures
     UNION ALL
    SELECT 'positions', count(*) FROM positions
     UNION ALL
    SELECT 'prediction_cache', count(*) FROM prediction_cache
     UNION ALL
    SELECT 'prediction_performance', count(*) FROM prediction_performance
     UNION ALL
    SELECT 'reconciliation_audit_events', count(*) FROM reconciliation_audit_events
     UNION ALL
    SELECT 'risk_adjustments', count(*) FROM risk_adjustments
     UNION ALL
    SELECT 'session_holds', count(*) FROM session_holds
     UNION ALL
    SELECT 'strategy_executions', count(*) FROM strategy_executions
     UNION ALL
    SELECT 'strategy_lineage', count(*) FROM strategy_lineage
     UNION ALL
    SELECT 'strategy_performance', count(*) FROM strategy_performance
     UNION ALL
    SELECT 'strategy_registry', count(*) FROM strategy_registry
     UNION ALL
    SELECT 'strategy_versions', count(*) FROM strategy_versions
     UNION ALL
    SELECT 'system_control_flags', count(*) FROM system_control_flags
     UNION ALL
    SELECT 'system_events', count(*) FROM system_events
     UNION ALL
    SELECT 'trade_day_parts', count(*) FROM trade_day_parts
     UNION ALL
    SELECT 'trade_days', count(*) FROM trade_days
     UNION ALL
    SELECT 'trade_month_parts', count(*) FROM trade_month_parts
     UNION ALL
    SELECT 'trade_months', count(*) FROM trade_months
     UNION ALL
    SELECT 'trades', count(*) FROM trades
     UNION ALL
    SELECT 'trading_sessions', count(*) FROM trading_sessions
)
SELECT table_name, row_count, pg_total_relation_size(table_name::regclass) AS total_bytes
  FROM counted
 ORDER BY total_bytes DESC, table_name
