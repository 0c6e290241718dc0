-- The schema reporting: each question of dashboards as a view, for psql, Grafana and other tools. `time` is the moment
-- that a row is about. Sessions of verification are left out. `WHERE session_id = ...` reaches each view's indexes.

CREATE SCHEMA reporting;
COMMENT ON SCHEMA reporting IS
'Views that answer what dashboards and operators ask; `time` is the moment that a row is about, sessions of '
'verification are left out.';

CREATE VIEW reporting.sessions AS
SELECT s.start_time AS time, s.id AS session_id, s.session_name, s.mode, s.strategy_name, s.symbol, s.timeframe,
       s.exchange, s.base_currency, s.end_time, s.is_active, s.initial_balance, s.current_balance,
       coalesce(m.total_trades, 0) AS total_trades, coalesce(m.winning_trades, 0) AS winning_trades,
       coalesce(m.losing_trades, 0) AS losing_trades,
       trim_scale(m.win_rate)::fraction AS win_rate,
       coalesce(m.gross_profit - m.gross_loss, 0) AS gross_pnl, coalesce(m.net_pnl, 0) AS net_pnl,
       trim_scale(m.profit_factor)::ratio AS profit_factor, trim_scale(m.expectancy)::amount AS expectancy,
       trim_scale(coalesce(s.max_drawdown, session_drawdown(s.id))) AS max_drawdown
  FROM trading_sessions AS s
  LEFT JOIN performance_metrics AS m
    ON m.session_id = s.id AND m.period = 'ALL_TIME' AND m.period_start = 'epoch'::timestamptz
 WHERE NOT s.is_verification;
COMMENT ON VIEW reporting.sessions IS 'Every session with what its completed trades earned.';
COMMENT ON COLUMN reporting.sessions.time IS 'When the session began.';
COMMENT ON COLUMN reporting.sessions.session_id IS 'Session.';
COMMENT ON COLUMN reporting.sessions.current_balance IS
'Balance now, in base_currency: the sum of the session''s ledger.';
COMMENT ON COLUMN reporting.sessions.total_trades IS 'Number of completed trades.';
COMMENT ON COLUMN reporting.sessions.gross_pnl IS 'Sum of pnl, before costs, in base_currency.';
COMMENT ON COLUMN reporting.sessions.net_pnl IS
'Sum of net P&L, after commission, margin interest and funding, in base_currency.';
COMMENT ON COLUMN reporting.sessions.max_drawdown IS
'Largest (running peak - value) / running peak, as a fraction: of the equity in account_history when there is any, '
'else of initial balance + cumulative net P&L; so far, if the session is active.';

CREATE VIEW reporting.account_summary AS
SELECT now() AS time, s.id AS session_id, s.session_name, s.mode, s.strategy_name, s.symbol, s.base_currency,
       f.balance, f.equity, f.snapshot_time, f.total_trades, f.win_rate, f.profit_factor, f.expectancy,
       f.current_streak, f.gross_pnl, f.net_pnl, f.trades_today, f.gross_pnl_today, f.net_pnl_today,
       f.trades_this_week, f.gross_pnl_this_week, f.net_pnl_this_week, f.trades_opened_today, f.open_positions,
       f.unrealized_pnl
  FROM trading_sessions AS s
 CROSS JOIN LATERAL account_figures(s.id, now()) AS f
 WHERE NOT s.is_verification
   AND s.end_time IS NULL;
COMMENT ON VIEW reporting.account_summary IS
'Where every active session stands now: balance, P&L in all, today and this week, and what is open.';
COMMENT ON COLUMN reporting.account_summary.time IS 'Now.';
COMMENT ON COLUMN reporting.account_summary.session_id IS 'Session.';
COMMENT ON COLUMN reporting.account_summary.strategy_name IS 'The current strategy.';
COMMENT ON COLUMN reporting.account_summary.balance IS 'The balance: the sum of the ledger, in base_currency.';
COMMENT ON COLUMN reporting.account_summary.equity IS
'The equity of the newest snapshot, in base_currency; NULL without one.';
COMMENT ON COLUMN reporting.account_summary.snapshot_time IS 'When the newest snapshot was taken.';
COMMENT ON COLUMN reporting.account_summary.total_trades IS 'Number of completed trades.';
COMMENT ON COLUMN reporting.account_summary.gross_pnl IS 'Gross P&L of all completed trades, in base_currency.';
COMMENT ON COLUMN reporting.account_summary.net_pnl IS 'Net P&L of all completed trades, in base_currency.';
COMMENT ON COLUMN reporting.account_summary.trades_today IS 'Number of trades closed since 00:00 UTC.';
COMMENT ON COLUMN reporting.account_summary.gross_pnl_today IS 'Their gross P&L, in base_currency.';
COMMENT ON COLUMN reporting.account_summary.net_pnl_today IS 'Their net P&L, in base_currency.';
COMMENT ON COLUMN reporting.account_summary.trades_this_week IS 'Number of trades closed since Monday 00:00 UTC.';
COMMENT ON COLUMN reporting.account_summary.gross_pnl_this_week IS 'Their gross P&L, in base_currency.';
COMMENT ON COLUMN reporting.account_summary.net_pnl_this_week IS 'Their net P&L, in base_currency.';
COMMENT ON COLUMN reporting.account_summary.trades_opened_today IS
'Number of positions entered since 00:00 UTC, closed again or not.';
COMMENT ON COLUMN reporting.account_summary.open_positions IS 'Number of open positions.';
COMMENT ON COLUMN reporting.account_summary.unrealized_pnl IS 'Unrealised P&L of the open positions, in base_currency.';

CREATE VIEW reporting.events AS
SELECT e.timestamp AS time, e.session_id, s.mode, e.id AS event_id, e.event_type, e.severity, e.message, e.details,
       e.component, e.error_code, e.alert_sent
  FROM system_events AS e
  LEFT JOIN trading_sessions AS s ON s.id = e.session_id
 WHERE s.is_verification IS NOT TRUE;
COMMENT ON VIEW reporting.events IS 'What happened, inside and outside of sessions.';
COMMENT ON COLUMN reporting.events.mode IS
'Where the session''s money is: LIVE, BACKTEST or PAPER; NULL outside of any session.';

CREATE VIEW reporting.errors_by_hour AS
SELECT date_trunc('hour', e.timestamp, 'UTC') AS time, s.session_id, s.mode, count(*)::integer AS errors,
       (count(*) FILTER (WHERE e.severity = 'CRITICAL'))::integer AS critical_errors
  FROM (
           SELECT t.id AS session_id, t.mode
             FROM trading_sessions AS t
            WHERE NOT t.is_verification
            UNION ALL
           SELECT NULL AS session_id, NULL AS mode
       ) AS s
 CROSS JOIN LATERAL recent_errors(
           s.session_id, date_trunc('hour', now(), 'UTC') - interval '23 hours', now()
       ) AS e
 GROUP BY date_trunc('hour', e.timestamp, 'UTC'), s.session_id, s.mode;
COMMENT ON VIEW reporting.errors_by_hour IS
'Errors by UTC hour over the last 24 hours, this one included, of every session and outside of any.';
COMMENT ON COLUMN reporting.errors_by_hour.time IS 'First moment of the UTC hour; an hour without errors has no row.';
COMMENT ON COLUMN reporting.errors_by_hour.session_id IS 'Session; NULL = outside of any.';
COMMENT ON COLUMN reporting.errors_by_hour.mode IS
'Where the session''s money is: LIVE, BACKTEST or PAPER; NULL outside of any session.';
COMMENT ON COLUMN reporting.errors_by_hour.errors IS
'Number of events of the type ERROR, or whose severity is ERROR or CRITICAL.';
COMMENT ON COLUMN reporting.errors_by_hour.critical_errors IS 'Those whose severity is CRITICAL.';

CREATE VIEW reporting.freshness AS
SELECT now() AS time, s.id AS session_id, s.session_name, s.mode, s.strategy_name, s.symbol, f.snapshot_time,
       f.snapshot_age_seconds, f.decision_time, f.decision_age_seconds, f.trade_time, f.trade_age_seconds,
       f.event_time, f.event_age_seconds
  FROM trading_sessions AS s
 CROSS JOIN LATERAL freshness(s.id, now()) AS f
 WHERE NOT s.is_verification
   AND s.end_time IS NULL;
COMMENT ON VIEW reporting.freshness IS 'How old the newest records of the active sessions are.';
COMMENT ON COLUMN reporting.freshness.time IS 'Now.';
COMMENT ON COLUMN reporting.freshness.session_id IS 'Session.';
COMMENT ON COLUMN reporting.freshness.strategy_name IS 'Strategy of the session.';
COMMENT ON COLUMN reporting.freshness.symbol IS 'Instrument of the session.';
COMMENT ON COLUMN reporting.freshness.snapshot_time IS 'When the newest snapshot of the account was taken.';
COMMENT ON COLUMN reporting.freshness.snapshot_age_seconds IS 'Its age, in seconds.';
COMMENT ON COLUMN reporting.freshness.decision_time IS 'When the strategy last decided.';
COMMENT ON COLUMN reporting.freshness.decision_age_seconds IS 'The age of that decision, in seconds.';
COMMENT ON COLUMN reporting.freshness.trade_time IS 'When the newest trade was closed.';
COMMENT ON COLUMN reporting.freshness.trade_age_seconds IS 'Its age, in seconds.';
COMMENT ON COLUMN reporting.freshness.event_time IS 'When the newest event happened.';
COMMENT ON COLUMN reporting.freshness.event_age_seconds IS 'Its age, in seconds.';

CREATE VIEW reporting.decisions AS
SELECT x.timestamp AS time, x.session_id, s.mode, x.id AS decision_id, x.trade_id, x.strategy_name, x.symbol,
       x.timeframe, x.signal_type, x.signal_strength, x.confidence_score, x.action_taken, x.price, x.position_size,
       x.volume, x.volatility, x.indicators, x.reasons
  FROM every_decision() AS x
  JOIN trading_sessions AS s ON s.id = x.session_id AND NOT s.is_verification;
COMMENT ON VIEW reporting.decisions IS
'Every decision of the strategies; always ask with a session_id and a span of time.';
