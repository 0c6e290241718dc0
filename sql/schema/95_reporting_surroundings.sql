-- The schema reporting: the ledger, risk, the portfolio, optimisation and control.

CREATE VIEW reporting.balance_history AS
SELECT b.last_updated AS time, b.session_id, s.mode, b.entry_number, b.entry_type, b.previous_balance, b.delta,
       b.total_balance, b.reserved_balance, b.available_balance, b.base_currency, b.update_reason, b.updated_by,
       b.asset_balances
  FROM account_balances AS b
  JOIN trading_sessions AS s ON s.id = b.session_id AND NOT s.is_verification;
COMMENT ON VIEW reporting.balance_history IS 'The ledger: every change of every session''s balance.';

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

CREATE VIEW reporting.dynamic_performance AS
SELECT d.timestamp AS time, d.session_id, s.mode, d.rolling_win_rate, d.rolling_sharpe_ratio, d.current_drawdown,
       d.volatility_30d, d.consecutive_losses, d.consecutive_wins, d.risk_adjustment_factor, d.profit_factor,
       d.expectancy, d.avg_trade_duration_hours
  FROM dynamic_performance_metrics AS d
  JOIN trading_sessions AS s ON s.id = d.session_id AND NOT s.is_verification;
COMMENT ON VIEW reporting.dynamic_performance IS 'How the engine judged its recent performance, over time.';

CREATE VIEW reporting.correlation_matrix AS
SELECT c.last_updated AS time, c.window_days, c.first_symbol, c.second_symbol, c.symbol_pair, c.correlation_value,
       c.p_value, c.sample_size
  FROM correlation_matrix AS c;
COMMENT ON VIEW reporting.correlation_matrix IS 'The newest correlation of every two symbols'' returns.';

CREATE VIEW reporting.exposures AS
SELECT e.last_updated AS time, e.mode, e.correlation_group, e.total_exposure, e.position_count, e.symbols
  FROM portfolio_exposures AS e;
COMMENT ON VIEW reporting.exposures IS 'How much is at stake in each group of correlated symbols.';

CREATE VIEW reporting.optimization_cycles AS
SELECT c.timestamp AS time, c.session_id, c.id AS cycle_id, c.strategy_name, c.symbol, c.timeframe, c.decision,
       c.baseline_metrics, c.candidate_params, c.candidate_metrics, c.validator_report
  FROM optimization_cycles AS c
  LEFT JOIN trading_sessions AS s ON s.id = c.session_id
 WHERE s.is_verification IS NOT TRUE;
COMMENT ON VIEW reporting.optimization_cycles IS 'Every run of the optimiser.';

CREATE VIEW reporting.kill_switches AS
SELECT f.updated_at AS time, f.name, f.active, f.reason, f.source
  FROM system_control_flags AS f;
COMMENT ON VIEW reporting.kill_switches IS 'The control flags: which were ever set or cleared, and how they stand.';
