-- Arithmetic of trading, without any table: P&L, drawdown, streaks, slippage.

CREATE FUNCTION gross_pnl(side position_side, entry_price numeric, exit_price numeric, quantity numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE side WHEN 'LONG' THEN exit_price - entry_price ELSE entry_price - exit_price END * quantity
$$;
COMMENT ON FUNCTION gross_pnl IS
'P&L before costs, in quote currency: the price''s move in the position''s favour x quantity.';

CREATE FUNCTION drawdown(peak numeric, value numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN peak > 0 THEN round(greatest(peak - value, 0) / peak, 12) ELSE 0 END
$$;
COMMENT ON FUNCTION drawdown IS
'How far value is below peak, as a fraction of peak rounded to 12 digits; 0 without a positive peak.';

CREATE FUNCTION next_streak(streak integer, outcome integer) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN sign(streak) = outcome THEN streak + outcome ELSE outcome END
$$;
COMMENT ON FUNCTION next_streak IS
'Wins in a row (positive) or losses in a row (negative) after one more trade; outcome is the sign of its pnl, '
'and 0 ends any streak.';

CREATE FUNCTION slippage(kind order_type, side position_side, requested numeric, filled numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
    SELECT round(
               -- An entry of a LONG position buys, and so does an exit of a SHORT one.
               CASE WHEN (kind IN ('ENTRY', 'SCALE_IN')) = (side = 'LONG') THEN 1 ELSE -1 END
               * (filled - requested) / requested,
               12
           )
$$;
COMMENT ON FUNCTION slippage IS
'How much worse than requested an order was filled, as a fraction of the requested price rounded to 12 digits: '
'positive when it bought for more or sold for less; NULL without both prices.';
