-- Rows that refer to a missing row, by the referring row and the missing one.
WITH orphans AS (
    SELECT 'account_balances ' || c.id || ', session_id' AS subject,
           'trading_sessions' AS parent, c.session_id::text AS missing
      FROM account_balances AS c
      LEFT JOIN trading_sessions AS p ON p.id = c.session_id
     WHERE p.id IS NULL
       AND c.session_id IS NOT NULL
     UNION ALL
    SELECT 'account_balances ' || c.id || ', position_id' AS subject,
           'positions' AS parent, c.position_id::text AS missing
      FROM account_balances AS c
      LEFT JOIN positions AS p ON p.id = c.position_id
     WHERE p.id IS NULL
       AND c.position_id IS NOT NULL
       -- What was moved to another session may have been removed with that one, and a session that is being removed
       -- loses its fills first.
       AND NOT EXISTS (
               SELECT
                 FROM account_balances AS m
                WHERE m.session_id = c.session_id AND m.position_id = c.position_id AND m.entry_type = 'MOVE'
           )
       AND NOT EXISTS (
               SELECT FROM trading_sessions AS s WHERE s.id = c.session_id AND s.purge_started_at IS NOT NULL
           )
     UNION ALL
    SELECT 'account_balances ' || c.id || ', order_fill_id' AS subject,
           'order_fills' AS parent, c.order_fill_id::text AS missing
      FROM account_balances AS c
      LEFT JOIN order_fills AS p ON p.id = c.order_fill_id
     WHERE p.id IS NULL
       AND c.order_fill_id IS NOT NULL
       -- What was moved to another session may have been removed with that one, and a session that is being removed
       -- loses its fills first.
       AND NOT EXISTS (
               SELECT
                 FROM account_balances AS m
                WHERE m.session_id = c.session_id AND m.position_id = c.position_id AND m.entry_type = 'MOVE'
           )
       AND NOT EXISTS (
               SELECT FROM trading_sessions AS s WHERE s.id = c.session_id AND s.purge_started_at IS NOT NULL
           )
     UNION ALL
    SELECT 'account_history ' || c.id || ', session_id' AS subject,
           'trading_sessions' AS parent, c.session_id::text AS missing
      FROM account_history AS c
      LEFT JOIN trading_sessions AS p ON p.id = c.session_id
     WHERE p.id IS NULL
       AND c.session_id IS NOT NULL
     UNION ALL
    SELECT 'dynamic_performance_metrics ' || c.id || ', session_id' AS subject,
           'trading_sessions' AS parent, c.session_id::text AS missing
      FROM dynamic_performance_metrics AS c
      LEFT JOIN trading_sessions AS p ON p.id = c.session_id
     WHERE p.id IS NULL
       AND c.session_id IS NOT NULL
     UNION ALL
    SELECT 'equity_rolls ' || c.session_id || ', session_id' AS subject,
           'trading_sessions' AS parent, c.session_id::text AS missing
      FROM equity_rolls AS c
      LEFT JOIN trading_sessions AS p ON p.id = c.session_id
     WHERE p.id IS NULL
     UNION ALL
    SELECT 'equity_spans ' || c.start_time::date || ', session_id' AS subject,
           'trading_sessions' AS parent, c.session_id::text AS missing
      FROM equity_spans AS c
      LEFT JOIN trading_sessions AS p ON p.id = c.session_id
     WHERE p.id IS NULL
     UNION ALL
    SELECT 'imported_rows ' || c.source_table || ' ' || c.source_key || ', source_id' AS subject,
           'import_sources' AS parent, c.source_id::text AS missing
      FROM imported_rows AS c
      LEFT JOIN import_sources AS p ON p.id = c.source_id
     WHERE p.id IS NULL
     UNION ALL
    SELECT 'imported_rows ' || c.source_table || ' ' || c.source_key || ', session_id' AS subject,
           'trading_sessions' AS parent, c.session_id::text AS missing
      FROM imported_rows AS c
      LEFT JOIN trading_sessions AS p ON p.id = c.session_id
     WHERE p.id IS NULL
       AND c.session_id IS NOT NULL
     UNION ALL
    SELECT 'optimization_cycles ' || c.id || ', session_id' AS subject,
           'trading_sessions' AS parent, c.session_id::text AS missing
      FROM optimization_cycles AS c
      LEFT JOIN trading_sessions AS p ON p.id = c.session_id
     WHERE p.id IS NULL
       AND c.session_id IS NOT NULL
     UNION ALL
    SELECT 'decision_chunks ' || c.id || ', session_id' AS subject,
           'trading_sessions' AS parent, c.session_id::text AS missing
      FROM decision_chunks AS c
      LEFT JOIN trading_sessions AS p ON p.id = c.session_id
     WHERE p.id IS NULL
       AND c.session_id IS NOT NULL
     UNION ALL
    SELECT 'order_day_parts ' || c.day::date || ', session_id' AS subject,
           'trading_sessions' AS parent, c.session_id::text AS missing
      FROM order_day_parts AS c
      LEFT JOIN trading_sessions AS p ON p.id = c.session_id
     WHERE p.id IS NULL
     UNION ALL
    SELECT 'order_days ' || c.day::date || ', session_id' AS subject,
           'trading_sessions' AS parent, c.session_id::text AS missing
      FROM order_days AS c
      LEFT JOIN trading_sessions AS p ON p.id = c.session_id
     WHERE p.id IS NULL
     UNION ALL
    SELECT 'order_fills ' || c.id || ', order_id' AS subject,
           'orders' AS parent, c.order_id::text AS missing
      FROM order_fills AS c
      LEFT JOIN orders AS p ON p.id = c.order_id
     WHERE p.id IS NULL
       AND c.order_id IS NOT NULL
     UNION ALL
    SELECT 'order_fills ' || c.id || ', position_id' AS subject,
           'positions' AS parent, c.position_id::text AS missing
      FROM order_fills AS c
      LEFT JOIN positions AS p ON p.id = c.position_id
     WHERE p.id IS NULL
       AND c.position_id IS NOT NULL
     UNION ALL
    SELECT 'orders ' || c.id || ', session_id' AS subject,
           'trading_sessions' AS parent, c.session_id::text AS missing
      FROM orders AS c
      LEFT JOIN trading_sessions AS p ON p.id = c.session_id
     WHERE p.id IS NULL
       AND c.session_id IS NOT NULL
     UNION ALL
    SELECT 'orders ' || c.id || ', position_id' AS subject,
           'positions' AS parent, c.position_id::text AS missing
      FROM orders AS c
      LEFT JOIN positions AS p ON p.id = c.position_id
     WHERE p.id IS NULL
       AND c.position_id IS NOT NULL
     UNION ALL
    SELECT 'orders ' || c.id || ', replaced_order_id' AS subject,
           'orders' AS parent, c.replaced_order_id::text AS missing
      FROM orders AS c
      LEFT JOIN orders AS p ON p.id = c.replaced_order_id
     WHERE p.id IS NULL
       AND c.replaced_order_id IS NOT NULL
     UNION ALL
    SELECT 'partial_trades ' || c.id || ', order_id' AS subject,
           'orders' AS parent, c.order_id::text AS missing
      FROM partial_trades AS c
      LEFT JOIN orders AS p ON p.id = c.order_id
     WHERE p.id IS NULL
       AND c.order_id IS NOT NULL
     UNION ALL
    SELECT 'partial_trades ' || c.id || ', position_id' AS subject,
           'positions' AS parent, c.position_id::text AS missing
      FROM partial_trades AS c
      LEFT JOIN positions AS p ON p.id = c.position_id
     WHERE p.id IS NULL
       AND c.position_id IS NOT NULL
     UNION ALL
    SELECT 'performance_metrics ' || c.period || ' ' || c.period_start::date || ', session_id' AS subject,
           'trading_sessions' AS parent, c.session_id::text AS missing
      FROM performance_metrics AS c
      LEFT JOIN trading_sessions AS p ON p.id = c.session_id
     WHERE p.id IS NULL
       AND c.session_id IS NOT NULL
     UNION ALL
    SELECT 'positions ' || c.id || ', session_id' AS subject,
           'trading_sessions' AS parent, c.session_id::text AS missing
      FROM positions AS c
      LEFT JOIN trading_sessions AS p ON p.id = c.session_id
     WHERE p.id IS NULL
       AND c.session_id IS NOT NULL
     UNION ALL
    SELECT 'positions ' || c.id || ', continues_position_id' AS subject,
           'positions' AS parent, c.continues_position_id::text AS missing
      FROM positions AS c
      LEFT JOIN positions AS p ON p.id = c.continues_position_id
     WHERE p.id IS NULL
       AND c.continues_position_id IS NOT NULL
     UNION ALL
    SELECT 'reconciliation_audit_events ' || c.id || ', session_id' AS subject,
           'trading_sessions' AS parent, c.session_id::text AS missing
      FROM reconciliation_audit_events AS c
      LEFT JOIN trading_sessions AS p ON p.id = c.session_id
     WHERE p.id IS NULL
       AND c.session_id IS NOT NULL
     UNION ALL
    SELECT 'risk_adjustments ' || c.id || ', session_id' AS subject,
           'trading_sessions' AS parent, c.session_id::text AS missing
      FROM risk_adjustments AS c
      LEFT JOIN trading_sessions AS p ON p.id = c.session_id
     WHERE p.id IS NULL
       AND c.session_id IS NOT NULL
     UNION ALL
    SELECT 'session_holds ' || c.session_id || ', session_id' AS subject,
           'trading_sessions' AS parent, c.session_id::text AS missing
      FROM session_holds AS c
      LEFT JOIN trading_sessions AS p ON p.id = c.session_id
     WHERE p.id IS NULL
       AND c.session_id IS NOT NULL
     UNION ALL
    SELECT 'strategy_executions ' || c.id || ', session_id' AS subject,
           'trading_sessions' AS parent, c.session_id::text AS missing
      FROM strategy_executions AS c
      LEFT JOIN trading_sessions AS p ON p.id = c.session_id
     WHERE p.id IS NULL
       AND c.session_id IS NOT NULL
     UNION ALL
    SELECT 'strategy_executions ' || c.id || ', trade_id' AS subject,
           'trades' AS parent, c.trade_id::text AS missing
      FROM strategy_executions AS c
      LEFT JOIN trades AS p ON p.id = c.trade_id
     WHERE p.id IS NULL
       AND c.trade_id IS NOT NULL
     UNION ALL
    SELECT 'strategy_lineage ' || c.descendant_id || ', ancestor_id' AS subject,
           'strategy_registry' AS parent, c.ancestor_id::text AS missing
      FROM strategy_lineage AS c
      LEFT JOIN strategy_registry AS p ON p.strategy_id = c.ancestor_id
     WHERE p.strategy_id IS NULL
       AND c.ancestor_id IS NOT NULL
     UNION ALL
    SELECT 'strategy_lineage ' || c.ancestor_id || ', descendant_id' AS subject,
           'strategy_registry' AS parent, c.descendant_id::text AS missing
      FROM strategy_lineage AS c
      LEFT JOIN strategy_registry AS p ON p.strategy_id = c.descendant_id
     WHERE p.strategy_id IS NULL
       AND c.descendant_id IS NOT NULL
     UNION ALL
    SELECT 'strategy_performance ' || c.id || ', strategy_id' AS subject,
           'strategy_registry' AS parent, c.strategy_id::text AS missing
      FROM strategy_performance AS c
      LEFT JOIN strategy_registry AS p ON p.strategy_id = c.strategy_id
     WHERE p.strategy_id IS NULL
       AND c.strategy_id IS NOT NULL
     UNION ALL
    SELECT 'strategy_registry ' || c.strategy_id || ', merge_source' AS subject,
           'strategy_registry' AS parent, c.merge_source::text AS missing
      FROM strategy_registry AS c
      LEFT JOIN strategy_registry AS p ON p.strategy_id = c.merge_source
     WHERE p.strategy_id IS NULL
       AND c.merge_source IS NOT NULL
     UNION ALL
    SELECT 'strategy_registry ' || c.strategy_id || ', parent_id' AS subject,
           'strategy_registry' AS parent, c.parent_id::text AS missing
      FROM strategy_registry AS c
      LEFT JOIN strategy_registry AS p ON p.strategy_id = c.parent_id
     WHERE p.strategy_id IS NULL
       AND c.parent_id IS NOT NULL
     UNION ALL
    SELECT 'strategy_versions ' || c.id || ', strategy_id' AS subject,
           'strategy_registry' AS parent, c.strategy_id::text AS missing
      FROM strategy_versions AS c
      LEFT JOIN strategy_registry AS p ON p.strategy_id = c.strategy_id
     WHERE p.strategy_id IS NULL
       AND c.strategy_id IS NOT NULL
     UNION ALL
    SELECT 'system_events ' || c.id || ', session_id' AS subject,
           'trading_sessions' AS parent, c.session_id::text AS missing
      FROM system_events AS c
      LEFT JOIN trading_sessions AS p ON p.id = c.session_id
     WHERE p.id IS NULL
       AND c.session_id IS NOT NULL
     UNION ALL
    SELECT 'trade_day_parts ' || c.day::date || ', session_id' AS subject,
           'trading_sessions' AS parent, c.session_id::text AS missing
      FROM trade_day_parts AS c
      LEFT JOIN trading_sessions AS p ON p.id = c.session_id
     WHERE p.id IS NULL
     UNION ALL
    SELECT 'trade_days ' || c.day::date || ', session_id' AS subject,
           'trading_sessions' AS parent, c.session_id::text AS missing
      FROM trade_days AS c
      LEFT JOIN trading_sessions AS p ON p.id = c.session_id
     WHERE p.id IS NULL
     UNION ALL
    SELECT 'trade_month_parts ' || c.month::date || ', session_id' AS subject,
           'trading_sessions' AS parent, c.session_id::text AS missing
      FROM trade_month_parts AS c
      LEFT JOIN trading_sessions AS p ON p.id = c.session_id
     WHERE p.id IS NULL
     UNION ALL
    SELECT 'trade_months ' || c.month::date || ', session_id' AS subject,
           'trading_sessions' AS parent, c.session_id::text AS missing
      FROM trade_months AS c
      LEFT JOIN trading_sessions AS p ON p.id = c.session_id
     WHERE p.id IS NULL
     UNION ALL
    SELECT 'trades ' || c.id || ', position_id' AS subject,
           'positions' AS parent, c.position_id::text AS missing
      FROM trades AS c
      LEFT JOIN positions AS p ON p.id = c.position_id
     WHERE p.id IS NULL
       AND c.position_id IS NOT NULL
     UNION ALL
    SELECT 'trades ' || c.id || ', session_id' AS subject,
           'trading_sessions' AS parent, c.session_id::text AS missing
      FROM trades AS c
      LEFT JOIN trading_sessions AS p ON p.id = c.session_id
     WHERE p.id IS NULL
       AND c.session_id IS NOT NULL
     UNION ALL
    SELECT 'strategy_performance ' || c.id || ', version',
           'strategy_versions', c.version::text
      FROM strategy_performance AS c
      LEFT JOIN strategy_versions AS p ON p.strategy_id = c.strategy_id AND p.version = c.version
     WHERE p.id IS NULL
)
SELECT 'orphan' AS identity, subject, 'a row of ' || parent AS expected, 'none with ' || missing AS actual
  FROM orphans
 ORDER BY subject
