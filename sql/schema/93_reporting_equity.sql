-- The schema reporting: equity, drawdowns and the figures made of them.

CREATE VIEW reporting.equity AS
SELECT c.timestamp AS time, c.session_id, s.mode, s.strategy_name, s.symbol, c.balance, c.equity, c.peak,
       drawdown(c.peak, c.equity) AS drawdown, c.margin_used, c.margin_available, c.open_positions, c.total_exposure
  FROM (
           SELECT h.session_id, h.timestamp, h.balance, h.equity, h.margin_used, h.margin_available, h.open_positions,
                  h.total_exposure,
                  max(h.equity) OVER (
                      PARTITION BY h.session_id ORDER BY h.timestamp, h.id ROWS UNBOUNDED PRECEDING
                  ) AS peak
             FROM account_history AS h
       ) AS c
  JOIN trading_sessions AS s ON s.id = c.session_id AND NOT s.is_verification;
COMMENT ON VIEW reporting.equity IS
'The equity curve of every session: its snapshots with the running peak and the drawdown from it.';
COMMENT ON COLUMN reporting.equity.strategy_name IS 'Strategy of the session.';
COMMENT ON COLUMN reporting.equity.symbol IS 'Instrument of the session.';
COMMENT ON COLUMN reporting.equity.peak IS 'Highest equity so far, in the session''s base currency.';
COMMENT ON COLUMN reporting.equity.drawdown IS '(peak - equity) / peak, as a fraction.';

CREATE VIEW reporting.daily_equity AS
SELECT e.day AS time, s.id AS session_id, s.mode, s.strategy_name, s.symbol, e.equity, e.daily_return, e.max_drawdown
  FROM trading_sessions AS s
 CROSS JOIN LATERAL daily_equity(s.id, NULL, NULL, NULL, NULL, NULL) AS e
 WHERE NOT s.is_verification;
COMMENT ON VIEW reporting.daily_equity IS 'The equity at the end of every UTC day of every session, and its return.';
COMMENT ON COLUMN reporting.daily_equity.time IS 'First moment of the UTC day.';
COMMENT ON COLUMN reporting.daily_equity.session_id IS 'Session.';
COMMENT ON COLUMN reporting.daily_equity.strategy_name IS 'Strategy of the session.';
COMMENT ON COLUMN reporting.daily_equity.symbol IS 'Instrument of the session.';
COMMENT ON COLUMN reporting.daily_equity.equity IS
'Newest equity of the day or, on a day without news, of the day before, in base currency: of the snapshots or, in a '
'session without any, initial balance + cumulative net P&L.';
COMMENT ON COLUMN reporting.daily_equity.daily_return IS
'equity / the equity before the day - 1, as a fraction; the first day starts from the initial balance.';
COMMENT ON COLUMN reporting.daily_equity.max_drawdown IS
'Largest (running peak - equity) / running peak during the day, as a fraction; the peak is that of the session so far.';

CREATE VIEW reporting.drawdown AS
SELECT d.started_at AS time, s.id AS session_id, s.mode, s.strategy_name, s.symbol, d.trough_at, d.recovered_at,
       d.peak, d.trough, d.drawdown
  FROM trading_sessions AS s
 CROSS JOIN LATERAL drawdown_episodes(s.id, NULL, NULL, NULL, NULL, NULL) AS d
 WHERE NOT s.is_verification;
COMMENT ON VIEW reporting.drawdown IS 'Every time that a session''s equity was below its peak.';
COMMENT ON COLUMN reporting.drawdown.time IS 'The last moment at the peak.';
COMMENT ON COLUMN reporting.drawdown.session_id IS 'Session.';
COMMENT ON COLUMN reporting.drawdown.strategy_name IS 'Strategy of the session.';
COMMENT ON COLUMN reporting.drawdown.symbol IS 'Instrument of the session.';
COMMENT ON COLUMN reporting.drawdown.trough_at IS 'When the equity was lowest.';
COMMENT ON COLUMN reporting.drawdown.recovered_at IS 'When the equity was back at the peak; NULL = not yet.';
COMMENT ON COLUMN reporting.drawdown.peak IS 'Equity at the peak, in base currency.';
COMMENT ON COLUMN reporting.drawdown.trough IS 'Lowest equity, in base currency.';
COMMENT ON COLUMN reporting.drawdown.drawdown IS '(peak - trough) / peak, as a fraction.';

CREATE VIEW reporting.performance AS
SELECT s.start_time AS time, s.id AS session_id, s.session_name, s.mode, s.strategy_name, s.symbol, s.base_currency,
       f.total_trades, f.winning_trades, f.losing_trades, f.win_rate, f.gross_profit, f.gross_loss, f.gross_pnl,
       f.commission, f.margin_interest_cost, f.net_pnl, f.total_return_percent, f.profit_factor, f.expectancy,
       f.avg_win, f.avg_loss, f.best_trade_pnl, f.worst_trade_pnl, f.largest_win_streak, f.largest_loss_streak,
       f.current_streak, f.max_drawdown, f.avg_holding_hours, f.avg_win_holding_hours, f.avg_loss_holding_hours,
       f.best_day, f.best_day_net_pnl, f.worst_day, f.worst_day_net_pnl, f.equity_days, f.annualized_return,
       f.annualized_volatility, f.sharpe_ratio, f.sortino_ratio, f.calmar_ratio, f.var_95,
       f.funding
  FROM trading_sessions AS s
 CROSS JOIN LATERAL performance_figures(s.id, NULL, NULL, NULL, NULL, NULL) AS f
 WHERE NOT s.is_verification;
COMMENT ON VIEW reporting.performance IS
'Every figure of performance of every session, over all its trades and its equity.';
COMMENT ON COLUMN reporting.performance.time IS 'When the session began.';
COMMENT ON COLUMN reporting.performance.session_id IS 'Session.';
COMMENT ON COLUMN reporting.performance.strategy_name IS 'Strategy of the session.';
COMMENT ON COLUMN reporting.performance.symbol IS 'Instrument of the session.';
COMMENT ON COLUMN reporting.performance.win_rate IS
'winning_trades / total_trades, as a fraction; NULL without trades.';
COMMENT ON COLUMN reporting.performance.gross_profit IS 'Sum of the positive pnl, in base_currency.';
COMMENT ON COLUMN reporting.performance.gross_loss IS 'Sum of the negative pnl without its sign, in base_currency.';
COMMENT ON COLUMN reporting.performance.gross_pnl IS 'gross_profit - gross_loss, in base_currency.';
COMMENT ON COLUMN reporting.performance.commission IS 'Sum of commission, in base_currency.';
COMMENT ON COLUMN reporting.performance.margin_interest_cost IS 'Sum of margin interest, in base_currency.';
COMMENT ON COLUMN reporting.performance.net_pnl IS
'gross_pnl - commission - margin_interest_cost + funding, in base_currency.';
COMMENT ON COLUMN reporting.performance.total_return_percent IS 'net_pnl in percent of the initial balance (5 = 5 %).';
COMMENT ON COLUMN reporting.performance.expectancy IS
'Mean gross P&L of a trade, in base_currency; NULL without trades.';
COMMENT ON COLUMN reporting.performance.avg_win IS
'Mean gross P&L of the winning trades, in base_currency; NULL without one.';
COMMENT ON COLUMN reporting.performance.avg_loss IS
'Mean gross P&L of the losing trades, negative, in base_currency; NULL without one.';
COMMENT ON COLUMN reporting.performance.best_trade_pnl IS 'Largest gross P&L of one trade, in base_currency.';
COMMENT ON COLUMN reporting.performance.worst_trade_pnl IS 'Smallest gross P&L of one trade, in base_currency.';
COMMENT ON COLUMN reporting.performance.largest_win_streak IS
'Longest run of winning trades in order of exit; a trade with pnl = 0 ends it.';
COMMENT ON COLUMN reporting.performance.largest_loss_streak IS
'Longest run of losing trades in order of exit; a trade with pnl = 0 ends it.';
COMMENT ON COLUMN reporting.performance.current_streak IS
'Wins in a row up to the newest trade; negative: losses in a row.';
COMMENT ON COLUMN reporting.performance.max_drawdown IS
'Largest (running peak - equity) / running peak, as a fraction: of the snapshots in account_history when there are '
'any, else of initial balance + cumulative net P&L.';
COMMENT ON COLUMN reporting.performance.avg_holding_hours IS 'Mean time from entry to exit, in hours.';
COMMENT ON COLUMN reporting.performance.avg_win_holding_hours IS
'Mean time from entry to exit of the winning trades, in hours.';
COMMENT ON COLUMN reporting.performance.avg_loss_holding_hours IS
'Mean time from entry to exit of the losing trades, in hours.';
COMMENT ON COLUMN reporting.performance.best_day IS 'UTC day of exit with the largest net P&L.';
COMMENT ON COLUMN reporting.performance.best_day_net_pnl IS 'Net P&L of the best day, in base_currency.';
COMMENT ON COLUMN reporting.performance.worst_day IS 'UTC day of exit with the smallest net P&L.';
COMMENT ON COLUMN reporting.performance.worst_day_net_pnl IS 'Net P&L of the worst day, in base_currency.';
COMMENT ON COLUMN reporting.performance.equity_days IS
'Number of UTC days from the first to the last equity; the ratios that follow need two.';
COMMENT ON COLUMN reporting.performance.annualized_return IS
'(last equity / initial balance) ^ (365 / equity_days) - 1, as a fraction.';
COMMENT ON COLUMN reporting.performance.annualized_volatility IS
'Sample standard deviation of the daily returns x sqrt(365), as a fraction.';
COMMENT ON COLUMN reporting.performance.sharpe_ratio IS
'Mean daily return / its sample standard deviation x sqrt(365); the risk-free rate is taken as 0.';
COMMENT ON COLUMN reporting.performance.sortino_ratio IS
'Mean daily return / root mean square of the negative daily returns over all days x sqrt(365); NULL without a negative '
'one.';
COMMENT ON COLUMN reporting.performance.calmar_ratio IS 'annualized_return / max_drawdown; NULL without a drawdown.';
COMMENT ON COLUMN reporting.performance.var_95 IS
'Value at risk: the daily return that 5 % of the days do not exceed, as a fraction; normally negative.';
COMMENT ON COLUMN reporting.performance.funding IS
'Sum of funding, in base_currency: positive when received.';
