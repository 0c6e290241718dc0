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

CREATE OR REPLACE FUNCTION existing_session(wanted bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM FROM trading_sessions WHERE id = wanted;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'AT404', COLUMN = 'session_id', MESSAGE = format('session %s does not exist', wanted);
    END IF;
    RETURN wanted;
END
$$;
