-- Takes back what 0009-performance adds.
DROP FUNCTION book_trades(trades[]);
DROP FUNCTION trade_pnl_percent(position_side, numeric, numeric, numeric, numeric);
