-- Drops everything that 0005-reporting creates.
DROP SCHEMA reporting CASCADE;

DROP FUNCTION
    freshness,
    recent_errors,
    account_figures,
    order_figures,
    slippage,
    pnl_by,
    drawdown_episodes,
    performance_figures,
    return_figures,
    daily_equity,
    equity_series,
    chosen_openings,
    chosen_trades,
    chosen_sessions;

DROP INDEX orders_failed_idx;
