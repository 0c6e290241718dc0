-- Drops everything that 0001-initial creates.
DROP VIEW recomputed_metrics;

DROP FUNCTION
    rebuild_metrics,
    final_figures,
    equity_drawdown,
    book_trade,
    book,
    next_streak,
    drawdown,
    gross_pnl,
    locked_balance,
    recorded_balance,
    recorded_partial_trade,
    recorded_trade,
    refuse_request,
    refuse_position,
    active_session,
    existing_order,
    existing_position,
    existing_session;

DROP TABLE
    strategy_executions,
    system_events,
    account_history,
    account_balances,
    performance_metrics,
    trades,
    partial_trades,
    orders,
    positions,
    trading_sessions;

DROP FUNCTION refuse_backward_order, refuse_change;

DROP DOMAIN
    document,
    prose,
    label,
    symbol,
    instant,
    ratio,
    fraction,
    size,
    quantity,
    price,
    nonnegative,
    amount;

DROP TYPE
    ledger_entry_type,
    metric_period,
    severity,
    event_type,
    partial_operation_type,
    trade_source,
    order_status,
    order_type,
    position_status,
    position_side;
