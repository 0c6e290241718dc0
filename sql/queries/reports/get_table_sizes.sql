-- The tables of the books by size, largest first.
WITH counted (table_name, row_count) AS (
    SELECT 'account_balances', count(*) FROM account_balances
     UNION ALL
    SELECT 'account_history', count(*) FROM account_history
     UNION ALL
    SELECT 'orders', count(*) FROM orders
     UNION ALL
    SELECT 'partial_trades', count(*) FROM partial_trades
     UNION ALL
    SELECT 'performance_metrics', count(*) FROM performance_metrics
     UNION ALL
    SELECT 'positions', count(*) FROM positions
     UNION ALL
    SELECT 'strategy_executions', count(*) FROM strategy_executions
     UNION ALL
    SELECT 'system_events', count(*) FROM system_events
     UNION ALL
    SELECT 'trades', count(*) FROM trades
     UNION ALL
    SELECT 'trading_sessions', count(*) FROM trading_sessions
)
SELECT table_name, row_count, pg_total_relation_size(table_name::regclass) AS total_bytes
  FROM counted
 ORDER BY total_bytes DESC, table_name
