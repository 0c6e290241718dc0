-- A row's request_id never changes: a repeated request would be recorded twice, or taken for another's.

CREATE FUNCTION refuse_other_request() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'request_id',
        MESSAGE = format('%s keeps its request_id %s', tg_table_name, old.request_id);
END
$$;
COMMENT ON FUNCTION refuse_other_request IS
'Trigger of every table with a request_id: refuses another one with AT409. A repeated command writes the row''s own '
'again.';

CREATE TRIGGER trading_sessions_request_id_stays
BEFORE UPDATE OF request_id ON trading_sessions
FOR EACH ROW
WHEN (old.request_id <> new.request_id)
EXECUTE FUNCTION refuse_other_request();
COMMENT ON TRIGGER trading_sessions_request_id_stays ON trading_sessions IS
'A row keeps its request_id.';

CREATE TRIGGER positions_request_id_stays
BEFORE UPDATE OF request_id ON positions
FOR EACH ROW
WHEN (old.request_id <> new.request_id)
EXECUTE FUNCTION refuse_other_request();
COMMENT ON TRIGGER positions_request_id_stays ON positions IS
'A row keeps its request_id.';

CREATE TRIGGER orders_request_id_stays
BEFORE UPDATE OF request_id ON orders
FOR EACH ROW
WHEN (old.request_id <> new.request_id)
EXECUTE FUNCTION refuse_other_request();
COMMENT ON TRIGGER orders_request_id_stays ON orders IS
'A row keeps its request_id.';

CREATE TRIGGER partial_trades_request_id_stays
BEFORE UPDATE OF request_id ON partial_trades
FOR EACH ROW
WHEN (old.request_id <> new.request_id)
EXECUTE FUNCTION refuse_other_request();
COMMENT ON TRIGGER partial_trades_request_id_stays ON partial_trades IS
'A row keeps its request_id.';

CREATE TRIGGER trades_request_id_stays
BEFORE UPDATE OF request_id ON trades
FOR EACH ROW
WHEN (old.request_id <> new.request_id)
EXECUTE FUNCTION refuse_other_request();
COMMENT ON TRIGGER trades_request_id_stays ON trades IS
'A row keeps its request_id.';

CREATE TRIGGER account_history_request_id_stays
BEFORE UPDATE OF request_id ON account_history
FOR EACH ROW
WHEN (old.request_id <> new.request_id)
EXECUTE FUNCTION refuse_other_request();
COMMENT ON TRIGGER account_history_request_id_stays ON account_history IS
'A row keeps its request_id.';

CREATE TRIGGER system_events_request_id_stays
BEFORE UPDATE OF request_id ON system_events
FOR EACH ROW
WHEN (old.request_id <> new.request_id)
EXECUTE FUNCTION refuse_other_request();
COMMENT ON TRIGGER system_events_request_id_stays ON system_events IS
'A row keeps its request_id.';

CREATE TRIGGER strategy_executions_request_id_stays
BEFORE UPDATE OF request_id ON strategy_executions
FOR EACH ROW
WHEN (old.request_id <> new.request_id)
EXECUTE FUNCTION refuse_other_request();
COMMENT ON TRIGGER strategy_executions_request_id_stays ON strategy_executions IS
'A row keeps its request_id.';

CREATE TRIGGER dynamic_performance_metrics_request_id_stays
BEFORE UPDATE OF request_id ON dynamic_performance_metrics
FOR EACH ROW
WHEN (old.request_id <> new.request_id)
EXECUTE FUNCTION refuse_other_request();
COMMENT ON TRIGGER dynamic_performance_metrics_request_id_stays ON dynamic_performance_metrics IS
'A row keeps its request_id.';

CREATE TRIGGER risk_adjustments_request_id_stays
BEFORE UPDATE OF request_id ON risk_adjustments
FOR EACH ROW
WHEN (old.request_id <> new.request_id)
EXECUTE FUNCTION refuse_other_request();
COMMENT ON TRIGGER risk_adjustments_request_id_stays ON risk_adjustments IS
'A row keeps its request_id.';

CREATE TRIGGER optimization_cycles_request_id_stays
BEFORE UPDATE OF request_id ON optimization_cycles
FOR EACH ROW
WHEN (old.request_id <> new.request_id)
EXECUTE FUNCTION refuse_other_request();
COMMENT ON TRIGGER optimization_cycles_request_id_stays ON optimization_cycles IS
'A row keeps its request_id.';

CREATE TRIGGER prediction_performance_request_id_stays
BEFORE UPDATE OF request_id ON prediction_performance
FOR EACH ROW
WHEN (old.request_id <> new.request_id)
EXECUTE FUNCTION refuse_other_request();
COMMENT ON TRIGGER prediction_performance_request_id_stays ON prediction_performance IS
'A row keeps its request_id.';

CREATE TRIGGER strategy_registry_request_id_stays
BEFORE UPDATE OF request_id ON strategy_registry
FOR EACH ROW
WHEN (old.request_id <> new.request_id)
EXECUTE FUNCTION refuse_other_request();
COMMENT ON TRIGGER strategy_registry_request_id_stays ON strategy_registry IS
'A row keeps its request_id.';

CREATE TRIGGER strategy_versions_request_id_stays
BEFORE UPDATE OF request_id ON strategy_versions
FOR EACH ROW
WHEN (old.request_id <> new.request_id)
EXECUTE FUNCTION refuse_other_request();
COMMENT ON TRIGGER strategy_versions_request_id_stays ON strategy_versions IS
'A row keeps its request_id.';

CREATE TRIGGER strategy_performance_request_id_stays
BEFORE UPDATE OF request_id ON strategy_performance
FOR EACH ROW
WHEN (old.request_id <> new.request_id)
EXECUTE FUNCTION refuse_other_request();
COMMENT ON TRIGGER strategy_performance_request_id_stays ON strategy_performance IS
'A row keeps its request_id.';

CREATE TRIGGER reconciliation_audit_events_request_id_stays
BEFORE UPDATE OF request_id ON reconciliation_audit_events
FOR EACH ROW
WHEN (old.request_id <> new.request_id)
EXECUTE FUNCTION refuse_other_request();
COMMENT ON TRIGGER reconciliation_audit_events_request_id_stays ON reconciliation_audit_events IS
'A row keeps its request_id.';

CREATE TRIGGER account_balances_request_id_stays
BEFORE UPDATE OF request_id ON account_balances
FOR EACH ROW
WHEN (old.request_id <> new.request_id)
EXECUTE FUNCTION refuse_other_request();
COMMENT ON TRIGGER account_balances_request_id_stays ON account_balances IS
'A row keeps its request_id.';
