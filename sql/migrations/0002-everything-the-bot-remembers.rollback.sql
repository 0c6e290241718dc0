-- Drops everything that 0002-everything-the-bot-remembers creates.
DROP TABLE reconciliation_audit_events;

DROP FUNCTION
    refuse_clear,
    existing_flag,
    existing_market,
    existing_strategy;

DROP TABLE
    system_control_flags,
    market_sessions,
    portfolio_exposures,
    correlation_matrix,
    strategy_lineage,
    strategy_performance,
    strategy_versions,
    strategy_registry,
    prediction_performance,
    prediction_cache,
    optimization_cycles,
    risk_adjustments,
    dynamic_performance_metrics;

DROP FUNCTION refuse_lineage_cycle;

DROP DOMAIN
    weekdays,
    time_of_day,
    time_zone,
    ttl_seconds,
    correlation,
    direction,
    positive_integer,
    counter;

DROP TYPE
    strategy_relationship,
    strategy_status;
