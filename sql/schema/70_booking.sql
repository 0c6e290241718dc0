-- How money is booked: the only places that change a balance, a ledger or a row of metrics.

CREATE FUNCTION fence(session bigint, own_token uuid) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    -- Shared with all that this engine writes, but not with a take-over, which changes the token.
    PERFORM FROM session_holds WHERE session_id = session AND token = own_token FOR KEY SHARE;
    IF NOT FOUND THEN
        PERFORM kept_hold(session, own_token);
    END IF;
END
$$;
COMMENT ON FUNCTION fence IS
'Refuses with AT423 a write by an engine that no longer holds the session. Called last, when every other lock is '
'taken.';

CREATE FUNCTION fenced(session bigint, own_token uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF own_token IS NOT NULL THEN
        PERFORM fence(session, own_token);
    END IF;
    RETURN TRUE;
END
$$;
COMMENT ON FUNCTION fenced IS 'As fence, in a condition: true, or AT423; without a token there is nothing to prove.';

CREATE FUNCTION post_entry(
    session bigint,
    kind ledger_entry_type,
    gross numeric,
    fee numeric,
    other numeric,
    reason text,
    booked_by text,
    booked_at timestamptz,
    of_position bigint,
    of_fill bigint,
    request uuid,
    content_hash bigint,
    own_token uuid,
    is_fact boolean,
    reserved numeric DEFAULT 0,
    assets jsonb DEFAULT NULL,
    OUT balance numeric,
    OUT has_ended boolean
)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    change numeric := trim_scale(gross - fee + other);
    s record;
BEGIN
    UPDATE trading_sessions AS t
       SET current_balance = trim_scale(t.current_balance + change),
           ledger_entries = t.ledger_entries + 1,
           transferred = CASE kind WHEN 'TRANSFER' THEN trim_scale(t.transferred + other) ELSE t.transferred END,
           balance_set_at = CASE kind
               WHEN 'ADJUSTMENT' THEN greatest(t.balance_set_at, booked_at)
               ELSE t.balance_set_at
           END,
           final_balance = CASE WHEN t.end_time IS NOT NULL THEN trim_scale(t.current_balance + change) END
     WHERE t.id = session
       AND (t.end_time IS NULL OR (is_fact AND t.ledger_entries IS NOT NULL))
    RETURNING t.current_balance, t.ledger_entries, t.base_currency, t.balance_set_at, t.end_time INTO s;
    IF NOT FOUND THEN
        PERFORM active_session(session);
    END IF;
    INSERT INTO account_balances (
        session_id, entry_number, entry_type, previous_balance, pnl, commission, amount, delta, total_balance,
        base_currency, reserved_balance, asset_balances, position_id, order_fill_id, update_reason, updated_by,
        last_updated, request_id,
        request_hash
    ) VALUES (
        session, s.ledger_entries, kind, trim_scale(s.current_balance - change), gross, fee, other, change,
        s.current_balance, s.base_currency, reserved, assets, of_position, of_fill, reason, booked_by, booked_at,
        coalesce(request, gen_random_uuid()), coalesce(content_hash, 0)
    );
    IF booked_at < s.balance_set_at THEN
        PERFORM warn_of_late_entry(session, kind, booked_at, of_position, change);
    END IF;
    IF own_token IS NOT NULL THEN
        PERFORM fence(session, own_token);
    END IF;
    balance := s.current_balance;
    has_ended := s.end_time IS NOT NULL;
END
$$;
COMMENT ON FUNCTION post_entry IS
'Changes a session''s balance by gross - fee + other and appends the ledger entry for it; the balance after, in the '
'session''s base currency, and whether the session has ended. The session''s row is locked until the transaction ends. '
'is_fact: what an exchange did is booked also after the session has ended. What happened before the balance was set to '
'what the exchange says, and is booked later, is a WARNING event. Raises AT404 and AT410 as active_session does, AT423 '
'as fence does.';

CREATE FUNCTION warn(session bigint, at timestamptz, sentence text, details jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO system_events (session_id, timestamp, event_type, severity, message, details, component)
    VALUES (session, at, 'WARNING', 'WARNING', sentence, details, 'books');
END
$$;
COMMENT ON FUNCTION warn IS
'Records a WARNING event of the books: what an exchange did is kept, and what is odd about it is visible.';

CREATE FUNCTION warn_of_late_entry(
    session bigint, kind ledger_entry_type, booked_at timestamptz, of_position bigint, change numeric
) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    set_at timestamptz;
BEGIN
    IF kind IN ('FILL', 'FEE', 'FUNDING', 'INTEREST', 'TRANSFER') THEN
        -- An ADJUSTMENT by a delta does not say what the balance is.
        SELECT max(e.timestamp) INTO set_at
          FROM system_events AS e
         WHERE e.session_id = session
           AND e.timestamp > booked_at
           AND e.event_type = 'BALANCE_ADJUSTMENT'
           AND e.details ? 'new_balance';
    END IF;
    IF set_at IS NOT NULL THEN
        PERFORM warn(
            session, booked_at,
            format(
                '%s of %s happened before the balance was set at %s and is booked after it: it may be counted twice',
                CASE kind
                    WHEN 'FILL' THEN 'A fill' WHEN 'FEE' THEN 'A fee' WHEN 'TRANSFER' THEN 'A transfer'
                    ELSE initcap(kind::text)
                END,
                booked_at, set_at
            ),
            jsonb_build_object('position_id', of_position, 'change', change::text)
        );
    END IF;
END
$$;
COMMENT ON FUNCTION warn_of_late_entry IS
'Records, of a ledger entry that is older than the balance that was set by hand or by a sync, that it may be counted '
'twice.';

CREATE FUNCTION count_trade(trade trades, balance numeric) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    outcome integer := sign(trade.pnl);
    day timestamptz := date_trunc('day', trade.exit_time, 'UTC');
BEGIN
    INSERT INTO performance_metrics AS m (
        session_id, period, period_start, period_end, opening_balance, total_trades, winning_trades, losing_trades,
        gross_profit, gross_loss, commission, margin_interest_cost, funding, best_trade_pnl, worst_trade_pnl,
        current_streak, largest_win_streak, largest_loss_streak, peak_balance, max_drawdown
    )
    SELECT trade.session_id, period, period_start, period_end, opening, 1, (outcome > 0)::integer, (outcome < 0)::integer,
           greatest(trade.pnl, 0), greatest(-trade.pnl, 0), trade.commission, trade.margin_interest_cost, trade.funding,
           trade.pnl, trade.pnl,
           outcome, greatest(outcome, 0), greatest(-outcome, 0), greatest(opening, opening + trade.net_pnl),
           drawdown(greatest(opening, opening + trade.net_pnl), opening + trade.net_pnl)
      FROM (
               -- What was booked before, at entries and partial exits, is part of the trade's net P&L.
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
           funding = m.funding + excluded.funding,
           best_trade_pnl = greatest(m.best_trade_pnl, excluded.best_trade_pnl),
           worst_trade_pnl = least(m.worst_trade_pnl, excluded.worst_trade_pnl),
           current_streak = next_streak(m.current_streak, outcome),
           largest_win_streak = greatest(m.largest_win_streak, next_streak(m.current_streak, outcome)),
           largest_loss_streak = greatest(m.largest_loss_streak, -next_streak(m.current_streak, outcome)),
           peak_balance = greatest(m.peak_balance, m.opening_balance + m.net_pnl + trade.net_pnl),
           max_drawdown = greatest(m.max_drawdown, drawdown(m.peak_balance, m.opening_balance + m.net_pnl + trade.net_pnl));
END
$$;
COMMENT ON FUNCTION count_trade IS
'Adds a completed trade to the metrics of its day and of all time; balance is that after its last ledger entry.';

CREATE FUNCTION refuse_percent_of_balance(session bigint, size numeric, balance numeric, worth numeric) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    base numeric := coalesce(balance, (SELECT s.current_balance FROM trading_sessions AS s WHERE s.id = session));
BEGIN
    IF size > 1 AND (CASE WHEN abs(worth) > 0 AND base > 0 THEN abs(worth) < size * base / 10 ELSE size > 10 END) THEN
        RAISE EXCEPTION USING ERRCODE = 'AT422', COLUMN = 'size',
            MESSAGE = format(
                'size %s would be %s times the balance%s: size is a fraction (0.5 = 50 %%)', trim_scale(size),
                trim_scale(size), ', and the position is worth ' || trim_scale(nullif(worth, 0))
            );
    END IF;
END
$$;
COMMENT ON FUNCTION refuse_percent_of_balance IS
'Raises AT422 for a fraction of the balance that must be meant as percent: above 1 where what it is worth is less than '
'a tenth of that, or above 10 where that is not known. balance: the session''s now, unless it is given. NULL is none.';

CREATE FUNCTION book_trade(trade trades, own_token uuid) RETURNS numeric
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    is_permitted CONSTANT boolean := permitted();
    posted record;
BEGIN
    IF trade.size > 10 THEN
        PERFORM refuse_percent_of_balance(trade.session_id, trade.size, NULL, trade.quantity * trade.entry_price);
    END IF;
    posted := post_entry(
        trade.session_id, 'TRADE', trade.pnl, trade.commission, trade.funding - trade.margin_interest_cost,
        trade.exit_reason, 'engine', trade.exit_time, NULL, NULL, trade.request_id, trade.request_hash, own_token, FALSE
    );
    PERFORM count_trade(trade, posted.balance);
    RETURN posted.balance;
END
$$;
COMMENT ON FUNCTION book_trade IS
'Books a trade that was logged without a position: the change of the balance with its ledger entry, and the metrics of '
'the trade''s day and of all time. The balance after, in base currency. Raises AT422 for a size that must be meant as '
'percent.';

CREATE FUNCTION renew_final_figures(session bigint) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE trading_sessions AS s
       SET (total_pnl, total_trades, win_rate, max_drawdown) = (
               SELECT f.total_pnl, f.total_trades, f.win_rate, f.max_drawdown
                 FROM final_figures(s.id) AS f
           )
     WHERE s.id = session
       AND s.end_time IS NOT NULL;
END
$$;
COMMENT ON FUNCTION renew_final_figures IS
'Computes the final figures of a session again, if it has ended: what came late belongs to them.';
