-- The schema reporting: trades and positions.

CREATE VIEW reporting.trades AS
SELECT t.exit_time AS time, t.session_id, s.mode, t.id AS trade_id, t.position_id, t.strategy_name, t.symbol, t.side,
       t.entry_time, t.entry_price, t.exit_price, t.size, t.quantity, t.pnl AS gross_pnl, t.commission,
       t.margin_interest_cost, t.net_pnl, t.pnl_percent, sign(t.pnl)::integer AS outcome,
       trim_scale(extract(EPOCH FROM t.exit_time - t.entry_time) / 3600) AS holding_hours, t.exit_reason, t.stop_loss,
       t.take_profit, t.confidence_score, t.mfe, t.mae, t.exchange, t.timeframe
  FROM trades AS t
  JOIN trading_sessions AS s ON s.id = t.session_id AND NOT s.is_verification;
COMMENT ON VIEW reporting.trades IS 'Completed trades.';
COMMENT ON COLUMN reporting.trades.time IS 'When the trade was closed.';
COMMENT ON COLUMN reporting.trades.session_id IS 'Session that traded.';
COMMENT ON COLUMN reporting.trades.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.trades.trade_id IS 'Identifier.';
COMMENT ON COLUMN reporting.trades.position_id IS
'Position that was closed, of the same session; NULL for a trade logged without one.';
COMMENT ON COLUMN reporting.trades.strategy_name IS 'Strategy that traded.';
COMMENT ON COLUMN reporting.trades.symbol IS 'Instrument.';
COMMENT ON COLUMN reporting.trades.side IS 'LONG or SHORT.';
COMMENT ON COLUMN reporting.trades.entry_time IS 'When the position was entered.';
COMMENT ON COLUMN reporting.trades.entry_price IS 'Average price of all entries, in quote currency.';
COMMENT ON COLUMN reporting.trades.exit_price IS 'Price of the final exit, in quote currency.';
COMMENT ON COLUMN reporting.trades.size IS 'Everything entered, as a fraction of the balance at entry.';
COMMENT ON COLUMN reporting.trades.quantity IS 'Everything entered, in units of the base asset.';
COMMENT ON COLUMN reporting.trades.gross_pnl IS 'P&L before costs, in the session''s base currency.';
COMMENT ON COLUMN reporting.trades.commission IS
'Fees of all fills, in the session''s base currency; negative for a rebate.';
COMMENT ON COLUMN reporting.trades.margin_interest_cost IS
'Interest paid on borrowed funds, in the session''s base currency.';
COMMENT ON COLUMN reporting.trades.net_pnl IS
'pnl - commission - margin_interest_cost, in the session''s base currency.';
COMMENT ON COLUMN reporting.trades.pnl_percent IS
'pnl in percent of everything entered (price x quantity); without a quantity, the price''s move in the trade''s favour '
'(5 = 5 %).';
COMMENT ON COLUMN reporting.trades.outcome IS '1 = win (gross_pnl > 0), -1 = loss, 0 = neither.';
COMMENT ON COLUMN reporting.trades.holding_hours IS 'Time from entry to exit, in hours.';
COMMENT ON COLUMN reporting.trades.exit_reason IS 'Why the trade was closed.';
COMMENT ON COLUMN reporting.trades.stop_loss IS 'Stop price at the exit, in quote currency.';
COMMENT ON COLUMN reporting.trades.take_profit IS 'Target price at the exit, in quote currency.';
COMMENT ON COLUMN reporting.trades.confidence_score IS 'The strategy''s confidence at entry, from 0 to 1.';
COMMENT ON COLUMN reporting.trades.mfe IS 'Maximum favourable excursion, as a fraction of the entry price.';
COMMENT ON COLUMN reporting.trades.mae IS 'Maximum adverse excursion, as a fraction of the entry price.';
COMMENT ON COLUMN reporting.trades.exchange IS 'Exchange that executed the trade.';
COMMENT ON COLUMN reporting.trades.timeframe IS 'Length of one candle, such as 1h.';

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
COMMENT ON COLUMN reporting.recent_outcomes.session_id IS 'Session that traded.';
COMMENT ON COLUMN reporting.recent_outcomes.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.recent_outcomes.place IS '1 = the newest.';
COMMENT ON COLUMN reporting.recent_outcomes.trade_id IS 'Identifier.';
COMMENT ON COLUMN reporting.recent_outcomes.strategy_name IS 'Strategy that traded.';
COMMENT ON COLUMN reporting.recent_outcomes.symbol IS 'Instrument.';
COMMENT ON COLUMN reporting.recent_outcomes.outcome IS '1 = win (gross_pnl > 0), -1 = loss, 0 = neither.';
COMMENT ON COLUMN reporting.recent_outcomes.gross_pnl IS 'P&L before costs, in the session''s base currency.';
COMMENT ON COLUMN reporting.recent_outcomes.net_pnl IS
'pnl - commission - margin_interest_cost, in the session''s base currency.';

CREATE VIEW reporting.open_positions AS
SELECT p.entry_time AS time, p.session_id, s.mode, p.id AS position_id, p.strategy_name, p.symbol, p.side,
       p.entry_price, p.current_price, p.size, p.current_size, p.quantity, p.current_quantity, p.unrealized_pnl,
       p.unrealized_pnl_percent, p.realized_pnl, p.stop_loss, p.take_profit, p.trailing_stop_price,
       p.partial_exits_taken, p.scale_ins_taken, p.mfe, p.mae, p.last_update
  FROM positions AS p
  JOIN trading_sessions AS s ON s.id = p.session_id AND NOT s.is_verification
 WHERE p.status = 'OPEN';
COMMENT ON VIEW reporting.open_positions IS 'Positions that are open, and what they would earn now.';
COMMENT ON COLUMN reporting.open_positions.time IS 'When the position was entered.';
COMMENT ON COLUMN reporting.open_positions.session_id IS 'Session that holds the position.';
COMMENT ON COLUMN reporting.open_positions.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.open_positions.position_id IS 'Identifier.';
COMMENT ON COLUMN reporting.open_positions.strategy_name IS 'Strategy that opened the position.';
COMMENT ON COLUMN reporting.open_positions.symbol IS 'Instrument.';
COMMENT ON COLUMN reporting.open_positions.side IS 'LONG earns when the price rises, SHORT when it falls.';
COMMENT ON COLUMN reporting.open_positions.entry_price IS
'Average entry price of the open quantity, in quote currency: scale-ins are weighted in.';
COMMENT ON COLUMN reporting.open_positions.current_price IS 'Newest known market price, in quote currency.';
COMMENT ON COLUMN reporting.open_positions.size IS
'Entered so far, as a fraction of the balance at entry: the original size and every scale-in.';
COMMENT ON COLUMN reporting.open_positions.current_size IS
'Open size as a fraction of the balance at entry; of a CLOSED position what the final exit closed.';
COMMENT ON COLUMN reporting.open_positions.quantity IS
'Entered so far, in units of the base asset: the original quantity and every scale-in.';
COMMENT ON COLUMN reporting.open_positions.current_quantity IS
'Open quantity in units of the base asset; of a CLOSED position what the final exit closed.';
COMMENT ON COLUMN reporting.open_positions.unrealized_pnl IS
'P&L of the open quantity at current_price, in the session''s base currency.';
COMMENT ON COLUMN reporting.open_positions.unrealized_pnl_percent IS
'The same in percent of the open quantity''s entry value (5 = 5 %).';
COMMENT ON COLUMN reporting.open_positions.realized_pnl IS
'Gross P&L of all exits so far, in the session''s base currency; of a CLOSED position its whole result before costs.';
COMMENT ON COLUMN reporting.open_positions.stop_loss IS
'Price at which the position is closed at a loss, in quote currency.';
COMMENT ON COLUMN reporting.open_positions.take_profit IS
'Price at which the position is closed at a profit, in quote currency.';
COMMENT ON COLUMN reporting.open_positions.trailing_stop_price IS
'Where the trailing stop stands now, in quote currency.';
COMMENT ON COLUMN reporting.open_positions.partial_exits_taken IS 'Number of partial exits so far.';
COMMENT ON COLUMN reporting.open_positions.scale_ins_taken IS 'Number of scale-ins so far.';
COMMENT ON COLUMN reporting.open_positions.mfe IS
'Maximum favourable excursion since entry, as a fraction of the entry price.';
COMMENT ON COLUMN reporting.open_positions.mae IS
'Maximum adverse excursion since entry, as a fraction of the entry price.';
COMMENT ON COLUMN reporting.open_positions.last_update IS 'When the row last changed.';

CREATE VIEW reporting.partial_trades AS
SELECT t.timestamp AS time, p.session_id, s.mode, t.id AS partial_trade_id, t.position_id, p.strategy_name, p.symbol,
       p.side, t.operation_type, t.size, t.quantity, t.price, t.pnl AS gross_pnl, t.target_level
  FROM partial_trades AS t
  JOIN positions AS p ON p.id = t.position_id
  JOIN trading_sessions AS s ON s.id = p.session_id AND NOT s.is_verification;
COMMENT ON VIEW reporting.partial_trades IS 'Partial exits and scale-ins.';
COMMENT ON COLUMN reporting.partial_trades.time IS 'When it was executed.';
COMMENT ON COLUMN reporting.partial_trades.session_id IS 'Session that holds the position.';
COMMENT ON COLUMN reporting.partial_trades.mode IS 'Where the money is: LIVE, BACKTEST or PAPER.';
COMMENT ON COLUMN reporting.partial_trades.partial_trade_id IS 'Identifier.';
COMMENT ON COLUMN reporting.partial_trades.position_id IS 'Position that was made smaller or larger.';
COMMENT ON COLUMN reporting.partial_trades.strategy_name IS 'Strategy that opened the position.';
COMMENT ON COLUMN reporting.partial_trades.symbol IS 'Instrument.';
COMMENT ON COLUMN reporting.partial_trades.side IS 'LONG earns when the price rises, SHORT when it falls.';
COMMENT ON COLUMN reporting.partial_trades.operation_type IS 'PARTIAL_EXIT or SCALE_IN.';
COMMENT ON COLUMN reporting.partial_trades.size IS
'Fraction of the position''s ORIGINAL size (0.25 = a quarter of what was first entered).';
COMMENT ON COLUMN reporting.partial_trades.quantity IS 'The same in units of the base asset.';
COMMENT ON COLUMN reporting.partial_trades.price IS 'Execution price, in quote currency.';
COMMENT ON COLUMN reporting.partial_trades.gross_pnl IS
'Gross P&L that a partial exit realised, in the session''s base currency; NULL for a scale-in.';
COMMENT ON COLUMN reporting.partial_trades.target_level IS 'Index of the profit target or scale-in threshold, from 0.';
