-- Takes back what 0008-books does; the figures of sessions that have ended stay.
DROP TRIGGER trading_sessions_ledger_only_grows ON trading_sessions;
DROP FUNCTION refuse_shorter_ledger;
ALTER TABLE trading_sessions DROP CONSTRAINT trading_sessions_balance_fkey;
ALTER TABLE trading_sessions DROP CONSTRAINT trading_sessions_ledger_until_purged;
-- The books of a session that is being removed need not balance.
UPDATE trading_sessions SET ledger_entries = 1 WHERE ledger_entries IS NULL;
ALTER TABLE trading_sessions ALTER COLUMN ledger_entries SET NOT NULL;
COMMENT ON COLUMN trading_sessions.current_balance IS
'Balance now, in base_currency: the sum of the session''s ledger.';
COMMENT ON COLUMN trading_sessions.ledger_entries IS 'Number of the newest entry in account_balances.';

CREATE OR REPLACE FUNCTION equity_drawdown(session bigint) RETURNS numeric
LANGUAGE sql VOLATILE AS $$
    SELECT max(drawdown(peak, equity))
      FROM (
               SELECT h.equity, max(h.equity) OVER (ORDER BY h.timestamp, h.id) AS peak
                 FROM account_history AS h
                WHERE h.session_id = session
           ) AS curve
$$;
COMMENT ON FUNCTION equity_drawdown IS
'Largest (running peak - equity) / running peak of a session''s snapshots, as a fraction; NULL without snapshots.';

CREATE OR REPLACE FUNCTION final_figures(session bigint)
RETURNS TABLE (total_pnl numeric, total_trades integer, win_rate numeric, max_drawdown numeric)
LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(sum(m.net_pnl), 0), coalesce(sum(m.total_trades), 0)::integer, max(m.win_rate),
           coalesce(equity_drawdown(session), max(m.max_drawdown), 0)
      FROM performance_metrics AS m
     WHERE m.session_id = session AND m.period = 'ALL_TIME'
$$;

CREATE OR REPLACE VIEW reporting.sessions AS
SELECT s.start_time AS time, s.id AS session_id, s.session_name, s.mode, s.strategy_name, s.symbol, s.timeframe,
       s.exchange, s.base_currency, s.end_time, s.is_active, s.initial_balance, s.current_balance,
       coalesce(m.total_trades, 0) AS total_trades, coalesce(m.winning_trades, 0) AS winning_trades,
       coalesce(m.losing_trades, 0) AS losing_trades, m.win_rate,
       coalesce(m.gross_profit - m.gross_loss, 0) AS gross_pnl, coalesce(m.net_pnl, 0) AS net_pnl, m.profit_factor,
       m.expectancy, coalesce(s.max_drawdown, m.max_drawdown, 0) AS max_drawdown
  FROM trading_sessions AS s
  LEFT JOIN performance_metrics AS m
    ON m.session_id = s.id AND m.period = 'ALL_TIME' AND m.period_start = 'epoch'::timestamptz
 WHERE NOT s.is_verification;
COMMENT ON COLUMN reporting.sessions.max_drawdown IS
'Largest (running peak - value) / running peak, as a fraction: the final figure of an ended session, else that of '
'initial balance + cumulative net P&L so far.';

CREATE OR REPLACE VIEW reporting.trades AS
SELECT t.exit_time AS time, t.session_id, s.mode, t.id AS trade_id, t.position_id, t.strategy_name, t.symbol, t.side,
       t.entry_time, t.entry_price, t.exit_price, t.size, t.quantity, t.pnl AS gross_pnl, t.commission,
       t.margin_interest_cost, t.net_pnl, t.pnl_percent, sign(t.pnl)::integer AS outcome,
       extract(EPOCH FROM t.exit_time - t.entry_time) / 3600 AS holding_hours, t.exit_reason, t.stop_loss,
       t.take_profit, t.confidence_score, t.mfe, t.mae, t.exchange, t.timeframe
  FROM trades AS t
  JOIN trading_sessions AS s ON s.id = t.session_id AND NOT s.is_verification;

CREATE OR REPLACE VIEW reporting.daily_pnl AS
SELECT m.period_start AS time, m.session_id, s.mode, s.strategy_name, s.symbol, m.total_trades, m.winning_trades,
       m.losing_trades, m.win_rate, m.gross_profit - m.gross_loss AS gross_pnl,
       m.commission + m.margin_interest_cost AS costs, m.net_pnl
  FROM performance_metrics AS m
  JOIN trading_sessions AS s ON s.id = m.session_id AND NOT s.is_verification
 WHERE m.period = 'DAILY';

CREATE OR REPLACE VIEW reporting.weekly_pnl AS
SELECT date_trunc('week', m.period_start, 'UTC') AS time, m.session_id, s.mode, s.strategy_name, s.symbol,
       sum(m.total_trades)::integer AS total_trades, sum(m.winning_trades)::integer AS winning_trades,
       sum(m.losing_trades)::integer AS losing_trades,
       sum(m.winning_trades)::numeric / sum(m.total_trades) AS win_rate,
       sum(m.gross_profit - m.gross_loss) AS gross_pnl, sum(m.commission + m.margin_interest_cost) AS costs,
       sum(m.net_pnl) AS net_pnl
  FROM performance_metrics AS m
  JOIN trading_sessions AS s ON s.id = m.session_id AND NOT s.is_verification
 WHERE m.period = 'DAILY'
 GROUP BY date_trunc('week', m.period_start, 'UTC'), m.session_id, s.mode, s.strategy_name, s.symbol;

CREATE OR REPLACE VIEW reporting.monthly_pnl AS
SELECT date_trunc('month', m.period_start, 'UTC') AS time, m.session_id, s.mode, s.strategy_name, s.symbol,
       sum(m.total_trades)::integer AS total_trades, sum(m.winning_trades)::integer AS winning_trades,
       sum(m.losing_trades)::integer AS losing_trades,
       sum(m.winning_trades)::numeric / sum(m.total_trades) AS win_rate,
       sum(m.gross_profit - m.gross_loss) AS gross_pnl, sum(m.commission + m.margin_interest_cost) AS costs,
       sum(m.net_pnl) AS net_pnl
  FROM performance_metrics AS m
  JOIN trading_sessions AS s ON s.id = m.session_id AND NOT s.is_verification
 WHERE m.period = 'DAILY'
 GROUP BY date_trunc('month', m.period_start, 'UTC'), m.session_id, s.mode, s.strategy_name, s.symbol;

DROP FUNCTION session_drawdown;

CREATE OR REPLACE FUNCTION performance_figures(
    session bigint, source trade_source, strategy text, instrument text, since timestamptz, until timestamptz
) RETURNS TABLE (
    total_trades integer, winning_trades integer, losing_trades integer, win_rate numeric,
    gross_profit numeric, gross_loss numeric, gross_pnl numeric, commission numeric, margin_interest_cost numeric,
    net_pnl numeric, total_return_percent numeric, profit_factor numeric, expectancy numeric, avg_win numeric,
    avg_loss numeric, best_trade_pnl numeric, worst_trade_pnl numeric, largest_win_streak integer,
    largest_loss_streak integer, current_streak integer, max_drawdown numeric,
    avg_holding_hours numeric, avg_win_holding_hours numeric, avg_loss_holding_hours numeric,
    best_day timestamptz, best_day_net_pnl numeric, worst_day timestamptz, worst_day_net_pnl numeric,
    equity_days integer, annualized_return numeric, annualized_volatility numeric, sharpe_ratio numeric,
    sortino_ratio numeric, calmar_ratio numeric, var_95 numeric
)
LANGUAGE sql STABLE AS $$
    WITH counted AS MATERIALIZED (
        SELECT t.pnl, t.net_pnl, t.commission, t.margin_interest_cost, t.exit_time, t.id,
               extract(epoch FROM t.exit_time - t.entry_time) / 3600 AS holding_hours,
               row_number() OVER in_order AS place,
               -- A run of equal outcomes keeps this difference constant.
               row_number() OVER in_order
               - row_number() OVER (PARTITION BY sign(t.pnl) ORDER BY t.exit_time, t.id) AS run
          FROM public.chosen_trades(session, source, strategy, instrument, since, until) AS t
        WINDOW in_order AS (ORDER BY t.exit_time, t.id)
    ), totals AS (
        SELECT count(*)::integer AS trades,
               (count(*) FILTER (WHERE c.pnl > 0))::integer AS wins,
               (count(*) FILTER (WHERE c.pnl < 0))::integer AS losses,
               coalesce(sum(c.pnl) FILTER (WHERE c.pnl > 0), 0) AS profit,
               coalesce(-sum(c.pnl) FILTER (WHERE c.pnl < 0), 0) AS loss,
               coalesce(sum(c.commission), 0) AS commission,
               coalesce(sum(c.margin_interest_cost), 0) AS interest,
               coalesce(sum(c.net_pnl), 0) AS net,
               max(c.pnl) AS best, min(c.pnl) AS worst,
               avg(c.holding_hours) AS hours,
               avg(c.holding_hours) FILTER (WHERE c.pnl > 0) AS win_hours,
               avg(c.holding_hours) FILTER (WHERE c.pnl < 0) AS loss_hours
          FROM counted AS c
    ), runs AS (
        SELECT sign(c.pnl)::integer AS outcome, count(*)::integer AS length, max(c.place) AS last_place
          FROM counted AS c
         GROUP BY sign(c.pnl), c.run
    ), streaks AS (
        SELECT coalesce(max(r.length) FILTER (WHERE r.outcome = 1), 0) AS win,
               coalesce(max(r.length) FILTER (WHERE r.outcome = -1), 0) AS loss,
               coalesce(max(r.outcome * r.length) FILTER (WHERE r.last_place = t.trades), 0) AS current
          FROM runs AS r
         CROSS JOIN totals AS t
    ), days AS (
        SELECT date_trunc('day', c.exit_time, 'UTC') AS day, sum(c.net_pnl) AS net
          FROM counted AS c
         GROUP BY date_trunc('day', c.exit_time, 'UTC')
    ), best_day AS (
        SELECT d.day, d.net FROM days AS d ORDER BY d.net DESC, d.day LIMIT 1
    ), worst_day AS (
        SELECT d.day, d.net FROM days AS d ORDER BY d.net, d.day LIMIT 1
    ), openings AS (
        SELECT sum(o.opening_balance) AS balance, sum(o.opening_equity) AS equity
          FROM public.chosen_openings(session, source, strategy, instrument, since, until) AS o
    ), equity AS (
        SELECT count(*)::integer AS days, array_agg(e.daily_return) AS returns,
               coalesce(max(e.max_drawdown), 0) AS max_drawdown,
               (array_agg(e.equity ORDER BY e.day DESC))[1] AS closing
          FROM public.daily_equity(session, source, strategy, instrument, since, until) AS e
    ), grown AS (
        SELECT CASE
                   WHEN e.days > 1 AND o.equity > 0
                       THEN power(greatest(e.closing, 0) / o.equity, 365::numeric / e.days) - 1
               END AS annualized_return
          FROM equity AS e
         CROSS JOIN openings AS o
    )
    SELECT t.trades, t.wins, t.losses, t.wins::numeric / nullif(t.trades, 0),
           t.profit, t.loss, t.profit - t.loss, t.commission, t.interest, t.net,
           t.net / nullif(o.balance, 0) * 100,
           t.profit / nullif(t.loss, 0), (t.profit - t.loss) / nullif(t.trades, 0),
           t.profit / nullif(t.wins, 0), -t.loss / nullif(t.losses, 0), t.best, t.worst,
           s.win, s.loss, s.current, e.max_drawdown, t.hours, t.win_hours, t.loss_hours,
           best_day.day, best_day.net, worst_day.day, worst_day.net,
           e.days, round(g.annualized_return, 12), r.annualized_volatility, r.sharpe_ratio, r.sortino_ratio,
           round(g.annualized_return / nullif(e.max_drawdown, 0), 12), r.var_95
      FROM totals AS t
     CROSS JOIN streaks AS s
     CROSS JOIN openings AS o
     CROSS JOIN equity AS e
     CROSS JOIN grown AS g
     CROSS JOIN LATERAL public.return_figures(e.returns) AS r
      LEFT JOIN best_day ON TRUE
      LEFT JOIN worst_day ON TRUE
$$;

CREATE OR REPLACE FUNCTION pnl_by(
    dimension text,
    session bigint, source trade_source, strategy text, instrument text, since timestamptz, until timestamptz
) RETURNS TABLE (
    label text, period_start timestamptz, total_trades integer, winning_trades integer, losing_trades integer,
    win_rate numeric, gross_pnl numeric, costs numeric, net_pnl numeric, last_exit_time timestamptz
)
LANGUAGE sql STABLE AS $$
    SELECT g.label, g.period_start, count(*)::integer,
           (count(*) FILTER (WHERE t.pnl > 0))::integer,
           (count(*) FILTER (WHERE t.pnl < 0))::integer,
           (count(*) FILTER (WHERE t.pnl > 0))::numeric / count(*),
           sum(t.pnl), sum(t.commission + t.margin_interest_cost), sum(t.net_pnl), max(t.exit_time)
      FROM public.chosen_trades(session, source, strategy, instrument, since, until) AS t
     CROSS JOIN LATERAL (
               SELECT CASE dimension
                          WHEN 'exit_reason' THEN t.exit_reason
                          WHEN 'strategy_name' THEN t.strategy_name
                          WHEN 'symbol' THEN t.symbol
                      END AS label,
                      CASE
                          WHEN dimension IN ('day', 'week', 'month') THEN date_trunc(dimension, t.exit_time, 'UTC')
                          WHEN dimension = 'all' THEN 'epoch'
                      END AS period_start
           ) AS g
     GROUP BY g.label, g.period_start
$$;

CREATE OR REPLACE FUNCTION order_figures(
    session bigint, source trade_source, strategy text, instrument text, since timestamptz, until timestamptz
) RETURNS TABLE (
    order_type order_type, total_orders integer, filled_orders integer, partially_filled_orders integer,
    cancelled_orders integer, failed_orders integer, expired_orders integer, unresolved_orders integer,
    fill_rate numeric, slipped_orders integer, avg_slippage numeric, worst_slippage numeric, slippage_cost numeric,
    commission numeric, newest_order timestamptz
)
LANGUAGE sql STABLE AS $$
    SELECT o.order_type, count(*)::integer,
           (count(*) FILTER (WHERE o.status = 'FILLED'))::integer,
           (count(*) FILTER (WHERE o.status <> 'FILLED' AND o.filled_quantity > 0))::integer,
           (count(*) FILTER (WHERE o.status = 'CANCELLED'))::integer,
           (count(*) FILTER (WHERE o.status = 'FAILED'))::integer,
           (count(*) FILTER (WHERE o.status = 'EXPIRED'))::integer,
           (count(*) FILTER (WHERE o.status IN ('PENDING', 'OPEN', 'PARTIALLY_FILLED', 'UNKNOWN')))::integer,
           (count(*) FILTER (WHERE o.status = 'FILLED'))::numeric
           / nullif(count(*) FILTER (WHERE o.status IN ('FILLED', 'CANCELLED', 'FAILED', 'EXPIRED')), 0),
           count(o.slippage)::integer, round(avg(o.slippage), 12), max(o.slippage),
           coalesce(sum(o.slippage * o.price * o.filled_quantity), 0),
           sum(o.commission), max(o.created_at)
      FROM public.chosen_sessions(session, source, NULL, NULL) AS s
     CROSS JOIN LATERAL (
               SELECT r.order_type, r.status, r.price::numeric, r.filled_quantity::numeric, r.commission::numeric,
                      r.created_at::timestamptz,
                      public.slippage(r.order_type, r.side, r.price, r.filled_price) AS slippage
                 FROM public.orders AS r
                WHERE r.session_id = s.session_id
                  AND r.created_at >= coalesce(since, '-infinity')
                  AND r.created_at < coalesce(until, 'infinity')
                  AND (strategy IS NULL OR r.strategy_name = strategy)
                  AND r.symbol = coalesce(instrument, r.symbol)
               OFFSET 0
           ) AS o
     GROUP BY o.order_type
$$;

CREATE OR REPLACE FUNCTION account_figures(session bigint, moment timestamptz)
RETURNS TABLE (
    balance numeric, equity numeric, snapshot_time timestamptz, total_trades integer, win_rate numeric,
    profit_factor numeric, expectancy numeric, current_streak integer, gross_pnl numeric, net_pnl numeric,
    trades_today integer, gross_pnl_today numeric, net_pnl_today numeric,
    trades_this_week integer, gross_pnl_this_week numeric, net_pnl_this_week numeric,
    trades_opened_today integer, open_positions integer, unrealized_pnl numeric
)
LANGUAGE sql STABLE AS $$
    SELECT s.current_balance, newest.equity, newest.timestamp, coalesce(m.total_trades, 0), m.win_rate,
           m.profit_factor, m.expectancy, coalesce(m.current_streak, 0),
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

COMMENT ON COLUMN performance_metrics.max_drawdown IS
'Largest (running peak - value) / running peak of opening_balance + cumulative net P&L, as a fraction rounded '
'to 12 digits.';
COMMENT ON COLUMN recomputed_metrics.session_id IS NULL;
COMMENT ON COLUMN recomputed_metrics.period IS NULL;
COMMENT ON COLUMN recomputed_metrics.period_start IS NULL;
COMMENT ON COLUMN recomputed_metrics.period_end IS NULL;
COMMENT ON COLUMN recomputed_metrics.opening_balance IS NULL;
COMMENT ON COLUMN recomputed_metrics.total_trades IS NULL;
COMMENT ON COLUMN recomputed_metrics.winning_trades IS NULL;
COMMENT ON COLUMN recomputed_metrics.losing_trades IS NULL;
COMMENT ON COLUMN recomputed_metrics.gross_profit IS NULL;
COMMENT ON COLUMN recomputed_metrics.gross_loss IS NULL;
COMMENT ON COLUMN recomputed_metrics.commission IS NULL;
COMMENT ON COLUMN recomputed_metrics.margin_interest_cost IS NULL;
COMMENT ON COLUMN recomputed_metrics.best_trade_pnl IS NULL;
COMMENT ON COLUMN recomputed_metrics.worst_trade_pnl IS NULL;
COMMENT ON COLUMN recomputed_metrics.current_streak IS NULL;
COMMENT ON COLUMN recomputed_metrics.largest_win_streak IS NULL;
COMMENT ON COLUMN recomputed_metrics.largest_loss_streak IS NULL;
COMMENT ON COLUMN recomputed_metrics.peak_balance IS NULL;
COMMENT ON COLUMN recomputed_metrics.max_drawdown IS NULL;
