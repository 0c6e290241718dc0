-- How orders were filled, where a session stands, and whether all is well.

CREATE FUNCTION order_figures(
    session bigint, source trade_source, strategy text, instrument text, since timestamptz, until timestamptz
) RETURNS TABLE (
    order_type order_type, total_orders integer, filled_orders integer, partially_filled_orders integer,
    cancelled_orders integer, failed_orders integer, expired_orders integer, unresolved_orders integer,
    fill_rate numeric, slipped_orders integer, avg_slippage numeric, worst_slippage numeric, slippage_cost numeric,
    commission numeric, newest_order timestamptz
)
LANGUAGE sql STABLE AS $$
    SELECT o.order_type, sum(o.orders)::integer, sum(o.filled)::integer, sum(o.partially_filled)::integer,
           sum(o.cancelled)::integer, sum(o.failed)::integer, sum(o.expired)::integer,
           (sum(o.orders) - sum(o.filled + o.cancelled + o.failed + o.expired))::integer,
           trim_scale(sum(o.filled) / nullif(sum(o.filled + o.cancelled + o.failed + o.expired), 0)),
           sum(o.slipped)::integer, trim_scale(round(sum(o.slippage) / sum(o.slipped), 12)),
           trim_scale(max(o.worst_slippage)), trim_scale(coalesce(sum(o.slippage_cost), 0)),
           sum(o.commission), max(o.newest_order)
      FROM public.chosen_sessions(session, source, NULL, NULL) AS s
     CROSS JOIN LATERAL public.order_sums(s.session_id, strategy, instrument, since, until) AS o
     GROUP BY o.order_type
$$;
COMMENT ON FUNCTION order_figures IS
'How well the orders of the chosen sessions were filled, by type: fill_rate = FILLED / final ones, a fraction; '
'slippage over the filled quantity of those with a requested price, a fraction; slippage_cost the same in quote '
'currency. Orders count by created_at.';

CREATE FUNCTION account_figures(session bigint, moment timestamptz)
RETURNS TABLE (
    balance numeric, equity numeric, snapshot_time timestamptz, total_trades integer, win_rate numeric,
    profit_factor numeric, expectancy numeric, current_streak integer, gross_pnl numeric, net_pnl numeric,
    trades_today integer, gross_pnl_today numeric, net_pnl_today numeric,
    trades_this_week integer, gross_pnl_this_week numeric, net_pnl_this_week numeric,
    trades_opened_today integer, open_positions integer, unrealized_pnl numeric
)
LANGUAGE sql STABLE AS $$
    SELECT s.current_balance, newest.equity, newest.timestamp, coalesce(m.total_trades, 0),
           trim_scale(m.win_rate), trim_scale(m.profit_factor), trim_scale(m.expectancy), coalesce(m.current_streak, 0),
           coalesce(m.gross_profit - m.gross_loss, 0), coalesce(m.net_pnl, 0),
           days.trades_today, days.gross_today, days.net_today, days.trades_week, days.gross_week, days.net_week,
           opened.closed_again + holding.opened_today, holding.positions, holding.unrealized_pnl
      FROM public.trading_sessions AS s
      LEFT JOIN public.performance_metrics AS m
        ON m.session_id = s.id AND m.period = 'ALL_TIME' AND m.period_start = 'epoch'::timestamptz
      LEFT JOIN LATERAL (
               SELECT h.equity, h.timestamp
                 FROM public.account_history AS h
                WHERE h.session_id = s.id
                ORDER BY h.timestamp DESC, h.id DESC
                LIMIT 1
           ) AS newest ON TRUE
     CROSS JOIN LATERAL (
               SELECT coalesce(sum(d.total_trades), 0)::integer AS trades_week,
                      coalesce(sum(d.gross_profit - d.gross_loss), 0) AS gross_week,
                      coalesce(sum(d.net_pnl), 0) AS net_week,
                      coalesce(sum(d.total_trades) FILTER (WHERE d.is_today), 0)::integer AS trades_today,
                      coalesce(sum(d.gross_profit - d.gross_loss) FILTER (WHERE d.is_today), 0) AS gross_today,
                      coalesce(sum(d.net_pnl) FILTER (WHERE d.is_today), 0) AS net_today
                 FROM (
                          SELECT p.total_trades, p.gross_profit, p.gross_loss, p.net_pnl,
                                 p.period_start = date_trunc('day', moment, 'UTC') AS is_today
                            FROM public.performance_metrics AS p
                           WHERE p.session_id = s.id
                             AND p.period = 'DAILY'
                             AND p.period_start >= date_trunc('week', moment, 'UTC')
                             AND p.period_start <= moment
                      ) AS d
           ) AS days
     CROSS JOIN LATERAL (
               SELECT count(*)::integer AS closed_again
                 FROM public.trades AS t
                WHERE t.session_id = s.id
                  AND t.exit_time >= date_trunc('day', moment, 'UTC')
                  AND t.entry_time >= date_trunc('day', moment, 'UTC')
                  AND t.entry_time <= moment
           ) AS opened
     CROSS JOIN LATERAL (
               SELECT count(*)::integer AS positions,
                      (count(*) FILTER (
                          WHERE p.entry_time >= date_trunc('day', moment, 'UTC') AND p.entry_time <= moment
                      ))::integer AS opened_today,
                      coalesce(sum(p.unrealized_pnl), 0) AS unrealized_pnl
                 FROM public.positions AS p
                WHERE p.session_id = s.id AND p.status = 'OPEN'
           ) AS holding
     WHERE s.id = session
       AND public.existing_session(session) IS NOT NULL
$$;
COMMENT ON FUNCTION account_figures IS
'Where a session stands, in its base currency: the balance of its ledger, the equity of its newest snapshot, the P&L '
'of its completed trades (gross, and net of costs) over all time, on the UTC day of the moment and in its ISO week '
'(from Monday 00:00 UTC), and what is open. Raises AT404 for an unknown session.';

CREATE FUNCTION recent_errors(session bigint, since timestamptz, until timestamptz)
RETURNS TABLE ("timestamp" timestamptz, severity severity)
LANGUAGE sql STABLE AS $$
    SELECT e.timestamp::timestamptz, e.severity
      FROM public.system_events AS e
     WHERE (e.event_type = 'ERROR' OR e.severity >= 'ERROR')
       AND e.timestamp >= since
       AND e.timestamp <= until
       AND e.session_id = session
     UNION ALL
    SELECT e.timestamp, e.severity
      FROM public.system_events AS e
     WHERE (e.event_type = 'ERROR' OR e.severity >= 'ERROR')
       AND e.timestamp >= since
       AND e.timestamp <= until
       AND session IS NULL
       AND e.session_id IS NULL
$$;
COMMENT ON FUNCTION recent_errors IS
'The errors of a session, or those outside of any session for NULL: events of the type ERROR, or whose severity is '
'ERROR or CRITICAL.';

CREATE FUNCTION freshness(session bigint, moment timestamptz)
RETURNS TABLE (
    snapshot_time timestamptz, snapshot_age_seconds numeric, decision_time timestamptz, decision_age_seconds numeric,
    trade_time timestamptz, trade_age_seconds numeric, event_time timestamptz, event_age_seconds numeric
)
LANGUAGE sql STABLE AS $$
    SELECT n.snapshot, extract(epoch FROM moment - n.snapshot), n.decision, extract(epoch FROM moment - n.decision),
           n.trade, extract(epoch FROM moment - n.trade), n.event, extract(epoch FROM moment - n.event)
      FROM (
               SELECT (
                          SELECT max(h.timestamp::timestamptz) FROM public.account_history AS h WHERE h.session_id = session
                      ) AS snapshot,
                      (
                          SELECT max(x.timestamp::timestamptz) FROM public.strategy_executions AS x
                           WHERE x.session_id = session
                      ) AS decision,
                      (SELECT max(t.exit_time::timestamptz) FROM public.trades AS t WHERE t.session_id = session) AS trade,
                      (
                          SELECT max(e.timestamp::timestamptz) FROM public.system_events AS e WHERE e.session_id = session
                      ) AS event
           ) AS n
$$;
COMMENT ON FUNCTION freshness IS
'When a session''s newest snapshot, decision, trade and event happened, and how long before the moment that was, in '
'seconds; NULL where there is none.';
