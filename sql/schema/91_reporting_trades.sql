-- The schema reporting: trades and positions.

CREATE VIEW reporting.trades AS
SELECT t.exit_time AS time, t.session_id, s.mode, t.id AS trade_id, t.position_id, t.strategy_name, t.symbol, t.side,
       t.entry_time, t.entry_price, t.exit_price, t.size, t.quantity, t.pnl AS gross_pnl, t.commission,
       t.margin_interest_cost, t.net_pnl, t.pnl_percent, sign(t.pnl)::integer AS outcome,
       trim_scale(extract(EPOCH FROM t.exit_time - t.entry_time) / 3600) AS holding_hours, t.exit_reason, t.stop_loss,
       t.take_profit, t.confidence_score, t.mfe, t.mae, t.exchange, t.timeframe, t.leverage, t.entry_tag
  FROM trades AS t
  JOIN trading_sessions AS s ON s.id = t.session_id AND NOT s.is_verification;
COMMENT ON VIEW reporting.trades IS 'Completed trades.';
COMMENT ON COLUMN reporting.trades.time IS 'When the trade was closed.';
COMMENT ON COLUMN reporting.trades.gross_pnl IS 'P&L before costs, in the session''s base currency.';
COMMENT ON COLUMN reporting.trades.outcome IS '1 = win (gross_pnl > 0), -1 = loss, 0 = neither.';
COMMENT ON COLUMN reporting.trades.holding_hours IS 'Time from entry to exit, in hours.';

CREATE VIEW reporting.recent_outcomes AS
SELECT t.exit_time AS time, s.id AS session_id, s.mode, t.place, t.trade_id, t.strategy_name, t.symbol, t.outcome,
       t.gross_pnl, t.net_pnl
  FROM trading_sessions AS s
 CROSS JOIN LATERAL (
           SELECT r.exit_time, r.id AS trade_id, r.strategy_name, r.symbol, sign(r.pnl)::integer AS outcome,
                  r.pnl AS gross_pnl, r.net_pnl,
                  (row_number() OVER (ORDER BY r.exit_time DESC, r.id DESC))::integer AS place
             FROM trades AS r
            WHERE r.session_id = s.id
            ORDER BY r.exit_time DESC, r.id DESC
            LIMIT 10
       ) AS t
 WHERE NOT s.is_verification;
COMMENT ON VIEW reporting.recent_outcomes IS 'How the last ten trades of every session ended.';
COMMENT ON COLUMN reporting.recent_outcomes.time IS 'When the trade was closed.';
COMMENT ON COLUMN reporting.recent_outcomes.place IS '1 = the newest.';
COMMENT ON COLUMN reporting.recent_outcomes.outcome IS '1 = win (gross_pnl > 0), -1 = loss, 0 = neither.';
COMMENT ON COLUMN reporting.recent_outcomes.gross_pnl IS 'P&L before costs, in the session''s base currency.';

CREATE VIEW reporting.open_positions AS
SELECT p.entry_time AS time, p.session_id, s.mode, p.id AS position_id, p.strategy_name, p.symbol, p.side,
       p.entry_price, p.current_price, p.size, p.current_size, p.quantity, p.current_quantity, p.unrealized_pnl,
       p.unrealized_pnl_percent, p.realized_pnl, p.stop_loss, p.take_profit, p.trailing_stop_price,
       p.partial_exits_taken, p.scale_ins_taken, p.mfe, p.mae, p.last_update, p.leverage,
       p.liquidation_price, p.entry_tag
  FROM positions AS p
  JOIN trading_sessions AS s ON s.id = p.session_id AND NOT s.is_verification
 WHERE p.status = 'OPEN';
COMMENT ON VIEW reporting.open_positions IS 'Positions that are open, and what they would earn now.';
COMMENT ON COLUMN reporting.open_positions.time IS 'When the position was entered.';

CREATE VIEW reporting.partial_trades AS
SELECT t.timestamp AS time, p.session_id, s.mode, t.id AS partial_trade_id, t.position_id, p.strategy_name, p.symbol,
       p.side, t.operation_type, t.size, t.quantity, t.price, t.pnl AS gross_pnl, t.target_level
  FROM partial_trades AS t
  JOIN positions AS p ON p.id = t.position_id
  JOIN trading_sessions AS s ON s.id = p.session_id AND NOT s.is_verification;
COMMENT ON VIEW reporting.partial_trades IS 'Partial exits and scale-ins.';
