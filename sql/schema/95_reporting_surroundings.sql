-- The schema reporting: the ledger, risk, the portfolio, optimisation and control.

CREATE VIEW reporting.balance_history AS
SELECT b.last_updated AS time, b.session_id, s.mode, b.entry_number, b.entry_type, b.previous_balance, b.delta,
       b.total_balance, b.reserved_balance, b.available_balance, b.base_currency, b.update_reason, b.updated_by
  FROM account_balances AS b
  JOIN trading_sessions AS s ON s.id = b.session_id AND NOT s.is_verification;
COMMENT ON VIEW reporting.balance_history IS 'The ledger: every change of every session''s balance.';
COMMENT ON COLUMN reporting.balance_history.time IS 'When the change happened.';
COMMENT ON COLUMN reporting.balance_history.session_id IS 'Session whose balance changed.';
COMMENT ON COLUMN reporting.balance_history.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.balance_history.entry_number IS 'Position in the session''s ledger, from 1 without gaps.';
COMMENT ON COLUMN reporting.balance_history.entry_type IS 'What moved the balance.';
COMMENT ON COLUMN reporting.balance_history.previous_balance IS
'Balance before, in base_currency; 0 for the first entry.';
COMMENT ON COLUMN reporting.balance_history.delta IS 'Change of the balance, in base_currency.';
COMMENT ON COLUMN reporting.balance_history.total_balance IS 'Balance after, in base_currency.';
COMMENT ON COLUMN reporting.balance_history.reserved_balance IS
'Part of total_balance that orders hold, in base_currency.';
COMMENT ON COLUMN reporting.balance_history.available_balance IS 'total_balance - reserved_balance, in base_currency.';
COMMENT ON COLUMN reporting.balance_history.base_currency IS 'Currency of the amounts: the session''s.';
COMMENT ON COLUMN reporting.balance_history.update_reason IS 'Why the balance changed.';
COMMENT ON COLUMN reporting.balance_history.updated_by IS 'Who changed it: the engine, an account sync, a person.';

CREATE VIEW reporting.risk_factor AS
SELECT a.timestamp AS time, s.id AS session_id, s.mode, a.adjustment_factor, a.trigger_reason, a.adjustment_type,
       a.parameter_name, a.original_value, a.adjusted_value
  FROM trading_sessions AS s
 CROSS JOIN LATERAL (
           SELECT r.timestamp, r.adjustment_factor, r.trigger_reason, r.adjustment_type, r.parameter_name,
                  r.original_value, r.adjusted_value
             FROM risk_adjustments AS r
            WHERE r.session_id = s.id
            ORDER BY r.timestamp DESC, r.id DESC
            LIMIT 1
       ) AS a
 WHERE NOT s.is_verification;
COMMENT ON VIEW reporting.risk_factor IS
'The risk factor of every session now: its newest adjustment and the reason for it.';
COMMENT ON COLUMN reporting.risk_factor.time IS 'When it was changed.';
COMMENT ON COLUMN reporting.risk_factor.session_id IS 'Session whose risk was changed.';
COMMENT ON COLUMN reporting.risk_factor.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.risk_factor.adjustment_factor IS
'What the parameter was multiplied by: 1 = unchanged, below 1 = less risk.';
COMMENT ON COLUMN reporting.risk_factor.trigger_reason IS 'Why it was changed.';
COMMENT ON COLUMN reporting.risk_factor.adjustment_type IS
'Kind of the change, such as drawdown, performance or volatility.';
COMMENT ON COLUMN reporting.risk_factor.parameter_name IS 'Parameter that was changed, such as position_size.';
COMMENT ON COLUMN reporting.risk_factor.original_value IS 'Its value before, in the parameter''s own unit.';
COMMENT ON COLUMN reporting.risk_factor.adjusted_value IS 'Its value after, in the parameter''s own unit.';

CREATE VIEW reporting.dynamic_performance AS
SELECT d.timestamp AS time, d.session_id, s.mode, d.rolling_win_rate, d.rolling_sharpe_ratio, d.current_drawdown,
       d.volatility_30d, d.consecutive_losses, d.consecutive_wins, d.risk_adjustment_factor, d.profit_factor,
       d.expectancy, d.avg_trade_duration_hours
  FROM dynamic_performance_metrics AS d
  JOIN trading_sessions AS s ON s.id = d.session_id AND NOT s.is_verification;
COMMENT ON VIEW reporting.dynamic_performance IS 'How the engine judged its recent performance, over time.';
COMMENT ON COLUMN reporting.dynamic_performance.time IS 'When it was judged.';
COMMENT ON COLUMN reporting.dynamic_performance.session_id IS 'Session that was judged.';
COMMENT ON COLUMN reporting.dynamic_performance.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.dynamic_performance.rolling_win_rate IS
'Wins / trades in the rolling window, as a fraction; NULL without trades.';
COMMENT ON COLUMN reporting.dynamic_performance.rolling_sharpe_ratio IS
'Sharpe ratio over the rolling window, dimensionless; NULL with too few returns.';
COMMENT ON COLUMN reporting.dynamic_performance.current_drawdown IS
'(Running peak - equity) / running peak at that time, as a fraction; above 1 only with leverage.';
COMMENT ON COLUMN reporting.dynamic_performance.volatility_30d IS 'Volatility of the last 30 days, as a fraction.';
COMMENT ON COLUMN reporting.dynamic_performance.consecutive_losses IS 'Losses in a row up to that time.';
COMMENT ON COLUMN reporting.dynamic_performance.consecutive_wins IS 'Wins in a row up to that time.';
COMMENT ON COLUMN reporting.dynamic_performance.risk_adjustment_factor IS
'What risk parameters were to be multiplied by: 1 = unchanged, below 1 = less risk.';
COMMENT ON COLUMN reporting.dynamic_performance.profit_factor IS
'Sum of wins / sum of losses in the rolling window; NULL without losses.';
COMMENT ON COLUMN reporting.dynamic_performance.expectancy IS
'Mean pnl of a trade in the rolling window, in the session''s base currency.';
COMMENT ON COLUMN reporting.dynamic_performance.avg_trade_duration_hours IS
'Mean time from entry to exit in the rolling window, in hours.';

CREATE VIEW reporting.correlation_matrix AS
SELECT c.last_updated AS time, c.window_days, c.first_symbol, c.second_symbol, c.symbol_pair, c.correlation_value,
       c.p_value, c.sample_size
  FROM correlation_matrix AS c;
COMMENT ON VIEW reporting.correlation_matrix IS 'The newest correlation of every two symbols'' returns.';
COMMENT ON COLUMN reporting.correlation_matrix.time IS 'When it was computed.';
COMMENT ON COLUMN reporting.correlation_matrix.window_days IS 'Length of the window that was looked at, in days.';
COMMENT ON COLUMN reporting.correlation_matrix.first_symbol IS 'Symbol of the pair that sorts first by its bytes.';
COMMENT ON COLUMN reporting.correlation_matrix.second_symbol IS 'The other symbol.';
COMMENT ON COLUMN reporting.correlation_matrix.symbol_pair IS 'Both, such as BTCUSDT-ETHUSDT.';
COMMENT ON COLUMN reporting.correlation_matrix.correlation_value IS 'Coefficient of correlation, from -1 to 1.';
COMMENT ON COLUMN reporting.correlation_matrix.p_value IS 'Probability of so much correlation by chance, from 0 to 1.';
COMMENT ON COLUMN reporting.correlation_matrix.sample_size IS 'Number of returns that were compared.';

CREATE VIEW reporting.exposures AS
SELECT e.last_updated AS time, e.mode, e.correlation_group, e.total_exposure, e.position_count, e.symbols
  FROM portfolio_exposures AS e;
COMMENT ON VIEW reporting.exposures IS 'How much is at stake in each group of correlated symbols.';
COMMENT ON COLUMN reporting.exposures.time IS 'When it was computed.';
COMMENT ON COLUMN reporting.exposures.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.exposures.correlation_group IS 'Name of the group.';
COMMENT ON COLUMN reporting.exposures.total_exposure IS
'Sum of the positions'' sizes, as a fraction of the balance; above 1 only with leverage.';
COMMENT ON COLUMN reporting.exposures.position_count IS 'Number of positions.';
COMMENT ON COLUMN reporting.exposures.symbols IS 'Symbols in the group, a JSON array.';

CREATE VIEW reporting.optimization_cycles AS
SELECT c.timestamp AS time, c.session_id, c.id AS cycle_id, c.strategy_name, c.symbol, c.timeframe, c.decision,
       c.baseline_metrics, c.candidate_params, c.candidate_metrics, c.validator_report
  FROM optimization_cycles AS c
  LEFT JOIN trading_sessions AS s ON s.id = c.session_id
 WHERE s.is_verification IS NOT TRUE;
COMMENT ON VIEW reporting.optimization_cycles IS 'Every run of the optimiser.';
COMMENT ON COLUMN reporting.optimization_cycles.time IS 'When the cycle ended.';
COMMENT ON COLUMN reporting.optimization_cycles.session_id IS 'Session in which it ran; NULL outside of any.';
COMMENT ON COLUMN reporting.optimization_cycles.cycle_id IS 'Identifier.';
COMMENT ON COLUMN reporting.optimization_cycles.strategy_name IS 'Strategy that was optimised.';
COMMENT ON COLUMN reporting.optimization_cycles.symbol IS 'Instrument.';
COMMENT ON COLUMN reporting.optimization_cycles.timeframe IS 'Length of one candle, such as 1h.';
COMMENT ON COLUMN reporting.optimization_cycles.decision IS 'What was decided, such as apply, reject or rollback.';
COMMENT ON COLUMN reporting.optimization_cycles.baseline_metrics IS 'Figures of the present parameters.';
COMMENT ON COLUMN reporting.optimization_cycles.candidate_params IS
'Proposed parameters; NULL when there was no proposal.';
COMMENT ON COLUMN reporting.optimization_cycles.candidate_metrics IS 'Figures of the proposed parameters.';
COMMENT ON COLUMN reporting.optimization_cycles.validator_report IS 'What the validator found.';

CREATE VIEW reporting.kill_switches AS
SELECT f.updated_at AS time, f.name, f.active, f.reason, f.source
  FROM system_control_flags AS f;
COMMENT ON VIEW reporting.kill_switches IS 'The control flags: which were ever set or cleared, and how they stand.';
COMMENT ON COLUMN reporting.kill_switches.time IS 'When it was last set or cleared.';
COMMENT ON COLUMN reporting.kill_switches.name IS 'Name of the flag.';
COMMENT ON COLUMN reporting.kill_switches.active IS 'Whether it restricts the bot now.';
COMMENT ON COLUMN reporting.kill_switches.reason IS 'Why it was last set or cleared.';
COMMENT ON COLUMN reporting.kill_switches.source IS 'Who or what last set or cleared it.';
