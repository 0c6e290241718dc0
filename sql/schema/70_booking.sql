-- How money is booked: the only places that change a balance, a ledger or a row of metrics.

CREATE FUNCTION book(
    session bigint,
    change numeric,
    kind ledger_entry_type,
    reason text,
    booked_by text,
    booked_at timestamptz,
    request uuid,
    content_hash bigint
) RETURNS numeric
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    balance numeric;
    number integer;
    currency text;
BEGIN
    UPDATE trading_sessions
       SET current_balance = current_balance + change,
           ledger_entries = ledger_entries + 1
     WHERE id = session AND end_time IS NULL
    RETURNING current_balance, ledger_entries, base_currency INTO balance, number, currency;
    IF NOT FOUND THEN
        PERFORM active_session(session);
    END IF;
    INSERT INTO account_balances (
        session_id, entry_number, entry_type, previous_balance, delta, total_balance, base_currency,
        update_reason, updated_by, last_updated, request_id, request_hash
    ) VALUES (
        session, number, kind, balance - change, change, balance, currency,
        reason, booked_by, booked_at, request, content_hash
    );
    RETURN balance;
END
$$;
COMMENT ON FUNCTION book IS
'Changes a session''s balance and appends the ledger entry for it; the balance after, in the session''s base currency. '
'The session''s row is locked until the transaction ends. Raises AT404 and AT410 as active_session does.';

CREATE FUNCTION book_trade(trade trades, change numeric) RETURNS numeric
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    balance numeric := book(
        trade.session_id, change, 'TRADE', trade.exit_reason, 'engine', trade.exit_time, trade.request_id, trade.request_hash
    );
    outcome integer := sign(trade.pnl);
    day timestamptz := date_trunc('day', trade.exit_time, 'UTC');
BEGIN
    INSERT INTO performance_metrics AS m (
        session_id, period, period_start, period_end, opening_balance, total_trades, winning_trades, losing_trades,
        gross_profit, gross_loss, commission, margin_interest_cost, best_trade_pnl, worst_trade_pnl,
        current_streak, largest_win_streak, largest_loss_streak, peak_balance, max_drawdown
    )
    SELECT trade.session_id, period, period_start, period_end, opening, 1, (outcome > 0)::integer, (outcome < 0)::integer,
           greatest(trade.pnl, 0), greatest(-trade.pnl, 0), trade.commission, trade.margin_interest_cost, trade.pnl, trade.pnl,
           outcome, greatest(outcome, 0), greatest(-outcome, 0), greatest(opening, opening + trade.net_pnl),
           drawdown(greatest(opening, opening + trade.net_pnl), opening + trade.net_pnl)
      FROM (
               -- What partial exits booked before is part of the trade's net P&L.
               VALUES ('DAILY'::metric_period, day, day + interval '24 hours', balance - trade.net_pnl),
                      (
                          'ALL_TIME'::metric_period, 'epoch'::timestamptz, NULL,
                          (SELECT initial_balance FROM trading_sessions WHERE id = trade.session_id)
                      )
           ) AS periods (period, period_start, period_end, opening)
    ON CONFLICT (session_id, period, period_start) DO UPDATE
       SET total_trades = m.total_trades + 1,
           winning_trades = m.winning_trades + excluded.winning_trades,
           losing_trades = m.losing_trades + excluded.losing_trades,
           gross_profit = m.gross_profit + excluded.gross_profit,
           gross_loss = m.gross_loss + excluded.gross_loss,
           commission = m.commission + excluded.commission,
           margin_interest_cost = m.margin_interest_cost + excluded.margin_interest_cost,
           best_trade_pnl = greatest(m.best_trade_pnl, excluded.best_trade_pnl),
           worst_trade_pnl = least(m.worst_trade_pnl, excluded.worst_trade_pnl),
           current_streak = next_streak(m.current_streak, outcome),
           largest_win_streak = greatest(m.largest_win_streak, next_streak(m.current_streak, outcome)),
           largest_loss_streak = greatest(m.largest_loss_streak, -next_streak(m.current_streak, outcome)),
           peak_balance = greatest(m.peak_balance, m.opening_balance + m.net_pnl + trade.net_pnl),
           max_drawdown = greatest(m.max_drawdown, drawdown(m.peak_balance, m.opening_balance + m.net_pnl + trade.net_pnl));
    RETURN balance;
END
$$;
COMMENT ON FUNCTION book_trade IS
'Books a completed trade: the change of the balance with its ledger entry, and the metrics of the trade''s day '
'and of all time. '
'change is the part of the trade''s net P&L that was not booked before (by partial exits). The balance after, '
'in base currency.';
