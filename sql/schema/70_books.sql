-- How money is booked: the only places that change a balance, a ledger or a row of metrics.

CREATE FUNCTION gross_pnl(side position_side, entry_price numeric, exit_price numeric, quantity numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE side WHEN 'LONG' THEN exit_price - entry_price ELSE entry_price - exit_price END * quantity
$$;
COMMENT ON FUNCTION gross_pnl IS
'P&L before costs, in quote currency: the price''s move in the position''s favour x quantity.';

CREATE FUNCTION drawdown(peak numeric, value numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN peak > 0 THEN round(greatest(peak - value, 0) / peak, 12) ELSE 0 END
$$;
COMMENT ON FUNCTION drawdown IS
'How far value is below peak, as a fraction of peak rounded to 12 digits; 0 without a positive peak.';

CREATE FUNCTION next_streak(streak integer, outcome integer) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN sign(streak) = outcome THEN streak + outcome ELSE outcome END
$$;
COMMENT ON FUNCTION next_streak IS
'Wins in a row (positive) or losses in a row (negative) after one more trade; outcome is the sign of its pnl, '
'and 0 ends any streak.';

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

CREATE VIEW recomputed_metrics AS
WITH booked AS (
    SELECT t.session_id, t.pnl, t.net_pnl, t.commission, t.margin_interest_cost,
           l.entry_number, p.opening, p.period, p.period_start, p.period_end
      FROM trades AS t
      JOIN account_balances AS l ON l.request_id = t.request_id
      JOIN trading_sessions AS s ON s.id = t.session_id
     CROSS JOIN LATERAL (
               VALUES (
                          'DAILY'::metric_period,
                          date_trunc('day', t.exit_time, 'UTC'),
                          date_trunc('day', t.exit_time, 'UTC') + interval '24 hours',
                          l.total_balance - t.net_pnl
                      ),
                      ('ALL_TIME'::metric_period, 'epoch'::timestamptz, NULL, s.initial_balance)
           ) AS p (period, period_start, period_end, opening)
), valued AS (
    SELECT *,
           first_value(opening) OVER in_order AS opening_balance,
           first_value(opening) OVER in_order + sum(net_pnl) OVER in_order AS value,
           -- A run of equal outcomes keeps this difference constant.
           row_number() OVER in_order - row_number() OVER (
               PARTITION BY session_id, period, period_start, sign(pnl) ORDER BY entry_number
           ) AS run
      FROM booked
    WINDOW in_order AS (PARTITION BY session_id, period, period_start ORDER BY entry_number)
), measured AS (
    SELECT *,
           greatest(opening_balance, max(value) OVER in_order) AS peak,
           sign(pnl)::integer * row_number() OVER (
               PARTITION BY session_id, period, period_start, sign(pnl), run ORDER BY entry_number
           ) AS streak
      FROM valued
    WINDOW in_order AS (PARTITION BY session_id, period, period_start ORDER BY entry_number)
)
SELECT session_id, period, period_start, period_end, opening_balance,
       count(*)::integer AS total_trades,
       (count(*) FILTER (WHERE pnl > 0))::integer AS winning_trades,
       (count(*) FILTER (WHERE pnl < 0))::integer AS losing_trades,
       coalesce(sum(pnl) FILTER (WHERE pnl > 0), 0) AS gross_profit,
       coalesce(-sum(pnl) FILTER (WHERE pnl < 0), 0) AS gross_loss,
       sum(commission) AS commission,
       sum(margin_interest_cost) AS margin_interest_cost,
       max(pnl) AS best_trade_pnl,
       min(pnl) AS worst_trade_pnl,
       ((array_agg(streak ORDER BY entry_number DESC))[1])::integer AS current_streak,
       greatest(max(streak), 0)::integer AS largest_win_streak,
       greatest(max(-streak), 0)::integer AS largest_loss_streak,
       max(peak) AS peak_balance,
       max(drawdown(peak, value)) AS max_drawdown
  FROM measured
 GROUP BY session_id, period, period_start, period_end, opening_balance;
COMMENT ON VIEW recomputed_metrics IS
'What performance_metrics must say, computed anew from trades and ledger; the columns mean the same.';
COMMENT ON COLUMN recomputed_metrics.session_id IS 'Session whose trades are counted.';
COMMENT ON COLUMN recomputed_metrics.period IS 'DAILY or ALL_TIME.';
COMMENT ON COLUMN recomputed_metrics.period_start IS 'First moment of the period; 1970-01-01 for ALL_TIME.';
COMMENT ON COLUMN recomputed_metrics.period_end IS 'First moment after the period; NULL for ALL_TIME.';
COMMENT ON COLUMN recomputed_metrics.opening_balance IS
'Where the period''s balance starts, in the session''s base currency.';
COMMENT ON COLUMN recomputed_metrics.total_trades IS 'Number of trades, those with pnl = 0 included.';
COMMENT ON COLUMN recomputed_metrics.winning_trades IS 'Number of trades with pnl > 0.';
COMMENT ON COLUMN recomputed_metrics.losing_trades IS 'Number of trades with pnl < 0.';
COMMENT ON COLUMN recomputed_metrics.gross_profit IS 'Sum of the positive pnl, in the session''s base currency.';
COMMENT ON COLUMN recomputed_metrics.gross_loss IS
'Sum of the negative pnl without its sign, in the session''s base currency.';
COMMENT ON COLUMN recomputed_metrics.commission IS 'Sum of commission, in the session''s base currency.';
COMMENT ON COLUMN recomputed_metrics.margin_interest_cost IS
'Sum of margin_interest_cost, in the session''s base currency.';
COMMENT ON COLUMN recomputed_metrics.best_trade_pnl IS 'Largest pnl of one trade, in the session''s base currency.';
COMMENT ON COLUMN recomputed_metrics.worst_trade_pnl IS 'Smallest pnl of one trade, in the session''s base currency.';
COMMENT ON COLUMN recomputed_metrics.current_streak IS
'Wins in a row up to the newest booking; negative: losses in a row; 0 after a trade with pnl = 0.';
COMMENT ON COLUMN recomputed_metrics.largest_win_streak IS 'Longest run of winning trades, in order of booking.';
COMMENT ON COLUMN recomputed_metrics.largest_loss_streak IS 'Longest run of losing trades, in order of booking.';
COMMENT ON COLUMN recomputed_metrics.peak_balance IS
'Highest value of opening_balance + cumulative net P&L, the opening included, in the session''s base currency.';
COMMENT ON COLUMN recomputed_metrics.max_drawdown IS
'Largest (running peak - value) / running peak of that value in order of booking, as a fraction.';

CREATE FUNCTION session_drawdown(session bigint) RETURNS numeric
LANGUAGE sql STABLE AS $$
    SELECT coalesce(
               (
                   SELECT max(public.drawdown(curve.peak, curve.equity))
                     FROM (
                              SELECT h.equity, max(h.equity) OVER (ORDER BY h.timestamp, h.id) AS peak
                                FROM public.account_history AS h
                               WHERE h.session_id = session
                          ) AS curve
               ),
               (
                   SELECT max(public.drawdown(curve.peak, curve.balance))
                     FROM (
                              SELECT v.balance,
                                     greatest(
                                         v.initial_balance, max(v.balance) OVER (ORDER BY v.exit_time, v.id)
                                     ) AS peak
                                FROM (
                                         SELECT t.id, t.exit_time, s.initial_balance,
                                                s.initial_balance
                                                + sum(t.net_pnl) OVER (ORDER BY t.exit_time, t.id) AS balance
                                           FROM public.trading_sessions AS s
                                           JOIN public.trades AS t ON t.session_id = s.id
                                          WHERE s.id = session
                                     ) AS v
                          ) AS curve
               ),
               0
           )
$$;
COMMENT ON FUNCTION session_drawdown IS
'The one maximum drawdown of a session, that of its equity_series: largest (running peak - value) / running peak, as a '
'fraction rounded to 12 digits, of its snapshots if there are any, else of initial balance + cumulative net P&L in '
'order of exit; 0 without trades.';

CREATE FUNCTION final_figures(session bigint)
RETURNS TABLE (total_pnl numeric, total_trades integer, win_rate numeric, max_drawdown numeric)
LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(sum(m.net_pnl), 0), coalesce(sum(m.total_trades), 0)::integer, trim_scale(max(m.win_rate)),
           trim_scale(session_drawdown(session))
      FROM performance_metrics AS m
     WHERE m.session_id = session AND m.period = 'ALL_TIME'
$$;
COMMENT ON FUNCTION final_figures IS
'A session''s figures over all its trades: net P&L in base currency, number of trades, win rate and maximum '
'drawdown as fractions. '
'VOLATILE, so that a statement which waited for the session''s lock counts the trades booked meanwhile.';

CREATE FUNCTION rebuild_metrics(session bigint) RETURNS integer
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    written integer;
BEGIN
    -- Trades of the session wait here, and are counted by themselves afterwards.
    PERFORM existing_session(session);
    PERFORM FROM trading_sessions WHERE id = session FOR NO KEY UPDATE;
    DELETE FROM performance_metrics WHERE session_id = session;
    INSERT INTO performance_metrics (
        session_id, period, period_start, period_end, opening_balance, total_trades, winning_trades, losing_trades,
        gross_profit, gross_loss, commission, margin_interest_cost, best_trade_pnl, worst_trade_pnl,
        current_streak, largest_win_streak, largest_loss_streak, peak_balance, max_drawdown
    )
    SELECT session_id, period, period_start, period_end, opening_balance, total_trades, winning_trades, losing_trades,
           gross_profit, gross_loss, commission, margin_interest_cost, best_trade_pnl, worst_trade_pnl,
           current_streak, largest_win_streak, largest_loss_streak, peak_balance, max_drawdown
      FROM recomputed_metrics
     WHERE session_id = session;
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN written;
END
$$;
COMMENT ON FUNCTION rebuild_metrics IS
'Replaces a session''s rows of performance_metrics by recomputed_metrics; the number of rows. Raises AT404 for '
'an unknown session.';

CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'AT409', MESSAGE = format('%s is append-only: a correction is a new entry', tg_table_name);
END
$$;
COMMENT ON FUNCTION refuse_change IS 'Trigger of append-only tables: refuses every UPDATE with AT409.';

CREATE TRIGGER account_balances_append_only BEFORE UPDATE ON account_balances
FOR EACH ROW EXECUTE FUNCTION refuse_change();
COMMENT ON TRIGGER account_balances_append_only ON account_balances IS 'The ledger is append-only.';

CREATE FUNCTION refuse_shorter_ledger() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'ledger_entries',
        MESSAGE = format('the ledger of session %s only grows: entry %s is not its newest', old.id, new.ledger_entries);
END
$$;
COMMENT ON FUNCTION refuse_shorter_ledger IS
'Trigger of trading_sessions: refuses with AT409 to go back to an earlier ledger entry, or to one after the removal '
'began.';

CREATE TRIGGER trading_sessions_ledger_only_grows BEFORE UPDATE ON trading_sessions
FOR EACH ROW
WHEN (new.ledger_entries IS NOT NULL AND (new.ledger_entries >= old.ledger_entries) IS NOT TRUE)
EXECUTE FUNCTION refuse_shorter_ledger();
COMMENT ON TRIGGER trading_sessions_ledger_only_grows ON trading_sessions IS
'The balance is that of the newest ledger entry, never of an earlier one.';

CREATE FUNCTION refuse_backward_order() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    kept orders := old;
BEGIN
    IF old.status IN ('FILLED', 'CANCELLED', 'FAILED', 'EXPIRED') THEN
        -- What says nothing new may be said again, and an order may find its position later.
        kept.last_update := new.last_update;
        kept.position_id := coalesce(old.position_id, new.position_id);
        -- Its fills may be told one by one later, which makes its average exact; a CHECK keeps them within what it
        -- has filled.
        IF new.recorded_quantity > old.recorded_quantity THEN
            kept.recorded_quantity := new.recorded_quantity;
            kept.recorded_notional := new.recorded_notional;
            kept.recorded_commission := new.recorded_commission;
            kept.filled_price := new.filled_price;
            kept.commission := new.commission;
        END IF;
        IF new IS DISTINCT FROM kept THEN
            RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'status',
                MESSAGE = format('order %s is %s, which is final', old.id, old.status);
        END IF;
    ELSIF new.filled_quantity < old.filled_quantity THEN
        RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'filled_quantity',
            MESSAGE = format('order %s has %s filled; fills never shrink', old.id, old.filled_quantity);
    -- Labels stand in the order of an order's life, UNKNOWN last: it may follow any and lead to any but PENDING.
    ELSIF new.status < old.status AND (old.status <> 'UNKNOWN' OR new.status = 'PENDING') THEN
        RAISE EXCEPTION USING ERRCODE = 'AT409', COLUMN = 'status',
            MESSAGE = format('order %s is %s and cannot go back to %s', old.id, old.status, new.status);
    END IF;
    RETURN new;
END
$$;
COMMENT ON FUNCTION refuse_backward_order IS
'Trigger of orders: a final order is final, a state never goes back, a fill never shrinks; AT409 otherwise.';

CREATE TRIGGER orders_forward_only BEFORE UPDATE ON orders
FOR EACH ROW
WHEN (old.* IS DISTINCT FROM new.*)
EXECUTE FUNCTION refuse_backward_order();
COMMENT ON TRIGGER orders_forward_only ON orders IS 'Orders move forward only.';
