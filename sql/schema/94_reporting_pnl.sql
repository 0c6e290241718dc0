-- The schema reporting: P&L by period, strategy, symbol and exit reason.

CREATE VIEW reporting.daily_pnl AS
SELECT m.period_start AS time, m.session_id, s.mode, s.strategy_name, s.symbol, m.total_trades, m.winning_trades,
       m.losing_trades, trim_scale(m.win_rate)::fraction AS win_rate, m.gross_profit - m.gross_loss AS gross_pnl,
       m.commission + m.margin_interest_cost AS costs, m.net_pnl
  FROM performance_metrics AS m
  JOIN trading_sessions AS s ON s.id = m.session_id AND NOT s.is_verification
 WHERE m.period = 'DAILY';
COMMENT ON VIEW reporting.daily_pnl IS 'The P&L of every session by UTC day.';
COMMENT ON COLUMN reporting.daily_pnl.time IS 'First moment of the day, in UTC; trades count on the day of their exit.';
COMMENT ON COLUMN reporting.daily_pnl.session_id IS 'Session.';
COMMENT ON COLUMN reporting.daily_pnl.strategy_name IS 'Strategy of the session.';
COMMENT ON COLUMN reporting.daily_pnl.symbol IS 'Instrument of the session.';
COMMENT ON COLUMN reporting.daily_pnl.gross_pnl IS 'P&L before costs, in the session''s base currency.';
COMMENT ON COLUMN reporting.daily_pnl.costs IS 'Commission and margin interest, in the session''s base currency.';
COMMENT ON COLUMN reporting.daily_pnl.net_pnl IS 'gross_pnl - costs + funding, in the session''s base currency.';

CREATE VIEW reporting.weekly_pnl AS
SELECT date_trunc('week', m.period_start, 'UTC') AS time, m.session_id, s.mode, s.strategy_name, s.symbol,
       sum(m.total_trades)::integer AS total_trades, sum(m.winning_trades)::integer AS winning_trades,
       sum(m.losing_trades)::integer AS losing_trades,
       trim_scale(sum(m.winning_trades)::numeric / sum(m.total_trades)) AS win_rate,
       sum(m.gross_profit - m.gross_loss) AS gross_pnl, sum(m.commission + m.margin_interest_cost) AS costs,
       sum(m.net_pnl) AS net_pnl
  FROM performance_metrics AS m
  JOIN trading_sessions AS s ON s.id = m.session_id AND NOT s.is_verification
 WHERE m.period = 'DAILY'
 GROUP BY date_trunc('week', m.period_start, 'UTC'), m.session_id, s.mode, s.strategy_name, s.symbol;
COMMENT ON VIEW reporting.weekly_pnl IS 'The P&L of every session by ISO week, from Monday (UTC).';
COMMENT ON COLUMN reporting.weekly_pnl.time IS
'First moment of the week, in UTC; trades count in the week of their exit.';
COMMENT ON COLUMN reporting.weekly_pnl.session_id IS 'Session.';
COMMENT ON COLUMN reporting.weekly_pnl.strategy_name IS 'Strategy of the session.';
COMMENT ON COLUMN reporting.weekly_pnl.symbol IS 'Instrument of the session.';
COMMENT ON COLUMN reporting.weekly_pnl.gross_pnl IS 'P&L before costs, in the session''s base currency.';
COMMENT ON COLUMN reporting.weekly_pnl.costs IS 'Commission and margin interest, in the session''s base currency.';
COMMENT ON COLUMN reporting.weekly_pnl.net_pnl IS 'gross_pnl - costs + funding, in the session''s base currency.';

CREATE VIEW reporting.monthly_pnl AS
SELECT date_trunc('month', m.period_start, 'UTC') AS time, m.session_id, s.mode, s.strategy_name, s.symbol,
       sum(m.total_trades)::integer AS total_trades, sum(m.winning_trades)::integer AS winning_trades,
       sum(m.losing_trades)::integer AS losing_trades,
       trim_scale(sum(m.winning_trades)::numeric / sum(m.total_trades)) AS win_rate,
       sum(m.gross_profit - m.gross_loss) AS gross_pnl, sum(m.commission + m.margin_interest_cost) AS costs,
       sum(m.net_pnl) AS net_pnl
  FROM performance_metrics AS m
  JOIN trading_sessions AS s ON s.id = m.session_id AND NOT s.is_verification
 WHERE m.period = 'DAILY'
 GROUP BY date_trunc('month', m.period_start, 'UTC'), m.session_id, s.mode, s.strategy_name, s.symbol;
COMMENT ON VIEW reporting.monthly_pnl IS 'The P&L of every session by month (UTC).';
COMMENT ON COLUMN reporting.monthly_pnl.time IS
'First moment of the month, in UTC; trades count in the month of their exit.';
COMMENT ON COLUMN reporting.monthly_pnl.session_id IS 'Session.';
COMMENT ON COLUMN reporting.monthly_pnl.strategy_name IS 'Strategy of the session.';
COMMENT ON COLUMN reporting.monthly_pnl.symbol IS 'Instrument of the session.';
COMMENT ON COLUMN reporting.monthly_pnl.gross_pnl IS 'P&L before costs, in the session''s base currency.';
COMMENT ON COLUMN reporting.monthly_pnl.costs IS 'Commission and margin interest, in the session''s base currency.';
COMMENT ON COLUMN reporting.monthly_pnl.net_pnl IS 'gross_pnl - costs + funding, in the session''s base currency.';

CREATE VIEW reporting.pnl_by_strategy AS
SELECT p.last_exit_time AS time, s.id AS session_id, s.mode, p.label AS strategy_name, p.total_trades, p.winning_trades,
       p.losing_trades, p.win_rate, p.gross_pnl, p.costs, p.net_pnl
  FROM trading_sessions AS s
 CROSS JOIN LATERAL pnl_by('strategy_name', s.id, NULL, NULL, NULL, NULL, NULL) AS p
 WHERE NOT s.is_verification;
COMMENT ON VIEW reporting.pnl_by_strategy IS 'The P&L of every session by strategy.';
COMMENT ON COLUMN reporting.pnl_by_strategy.time IS 'When the newest of the trades was closed.';
COMMENT ON COLUMN reporting.pnl_by_strategy.session_id IS 'Session.';
COMMENT ON COLUMN reporting.pnl_by_strategy.gross_pnl IS 'P&L before costs, in the session''s base currency.';
COMMENT ON COLUMN reporting.pnl_by_strategy.costs IS 'Commission and margin interest, in the session''s base currency.';
COMMENT ON COLUMN reporting.pnl_by_strategy.net_pnl IS 'gross_pnl - costs + funding, in the session''s base currency.';

CREATE VIEW reporting.pnl_by_symbol AS
SELECT p.last_exit_time AS time, s.id AS session_id, s.mode, p.label AS symbol, p.total_trades, p.winning_trades,
       p.losing_trades, p.win_rate, p.gross_pnl, p.costs, p.net_pnl
  FROM trading_sessions AS s
 CROSS JOIN LATERAL pnl_by('symbol', s.id, NULL, NULL, NULL, NULL, NULL) AS p
 WHERE NOT s.is_verification;
COMMENT ON VIEW reporting.pnl_by_symbol IS 'The P&L of every session by symbol.';
COMMENT ON COLUMN reporting.pnl_by_symbol.time IS 'When the newest of the trades was closed.';
COMMENT ON COLUMN reporting.pnl_by_symbol.session_id IS 'Session.';
COMMENT ON COLUMN reporting.pnl_by_symbol.gross_pnl IS 'P&L before costs, in the session''s base currency.';
COMMENT ON COLUMN reporting.pnl_by_symbol.costs IS 'Commission and margin interest, in the session''s base currency.';
COMMENT ON COLUMN reporting.pnl_by_symbol.net_pnl IS 'gross_pnl - costs + funding, in the session''s base currency.';

CREATE VIEW reporting.pnl_by_exit_reason AS
SELECT p.last_exit_time AS time, s.id AS session_id, s.mode, p.label AS exit_reason, p.total_trades, p.winning_trades,
       p.losing_trades, p.win_rate, p.gross_pnl, p.costs, p.net_pnl
  FROM trading_sessions AS s
 CROSS JOIN LATERAL pnl_by('exit_reason', s.id, NULL, NULL, NULL, NULL, NULL) AS p
 WHERE NOT s.is_verification;
COMMENT ON VIEW reporting.pnl_by_exit_reason IS 'The P&L of every session by exit reason.';
COMMENT ON COLUMN reporting.pnl_by_exit_reason.time IS 'When the newest of the trades was closed.';
COMMENT ON COLUMN reporting.pnl_by_exit_reason.session_id IS 'Session.';
COMMENT ON COLUMN reporting.pnl_by_exit_reason.gross_pnl IS 'P&L before costs, in the session''s base currency.';
COMMENT ON COLUMN reporting.pnl_by_exit_reason.costs IS
'Commission and margin interest, in the session''s base currency.';
COMMENT ON COLUMN reporting.pnl_by_exit_reason.net_pnl IS
'gross_pnl - costs + funding, in the session''s base currency.';
