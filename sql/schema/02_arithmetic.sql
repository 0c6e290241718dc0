-- Arithmetic of trading, without any table: P&L, drawdown, streaks, slippage.

CREATE FUNCTION gross_pnl(side position_side, entry_price numeric, exit_price numeric, quantity numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE side WHEN 'LONG' THEN exit_price - entry_price ELSE entry_price - exit_price END * quantity
$$;
COMMENT ON FUNCTION gross_pnl IS
'P&L before costs of a linear contract, in quote currency: the price''s move in the position''s favour x quantity.';

CREATE FUNCTION is_entry(kind order_type) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT kind IN ('ENTRY', 'SCALE_IN')
$$;
COMMENT ON FUNCTION is_entry IS 'Whether an order of this type makes its position larger.';

CREATE FUNCTION is_final(state order_status) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT state IN ('FILLED', 'CANCELLED', 'FAILED', 'EXPIRED')
$$;
COMMENT ON FUNCTION is_final IS 'Whether an order in this state keeps it for good.';

CREATE FUNCTION value_direction(side position_side, contract contract_type) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN (side = 'LONG') = (contract = 'LINEAR') THEN 1 ELSE -1 END
$$;
COMMENT ON FUNCTION value_direction IS
'The sign of exit value - entry value in a position''s P&L: the value of an inverse contract falls when its price '
'rises.';

CREATE FUNCTION as_booked(amount numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
    SELECT trim_scale(round(amount, CASE WHEN abs(amount) < 1e16 THEN 18 WHEN abs(amount) < 1e23 THEN 11 ELSE 4 END))
$$;
COMMENT ON FUNCTION as_booked IS
'An amount as the books keep it: rounded to 18 digits, and to fewer from 1e16 on, so that it fits the 34 of a '
'Decimal128.';

CREATE FUNCTION fraction(part numeric, whole numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
    SELECT trim_scale(round(round(part, 36) / whole, 18))
$$;
COMMENT ON FUNCTION fraction IS
'part / whole, rounded to 18 digits. A quotient has as many digits as its operands show, or 16: equal quantities that '
'show more or fewer zeros would otherwise have different ones.';

CREATE FUNCTION contract_value(contract contract_type, contract_size numeric, quantity numeric, price numeric)
RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
    SELECT trim_scale(round(
               CASE contract
                   WHEN 'LINEAR' THEN quantity * contract_size * price
                   -- To 24 decimals more than quantity and size have, whatever zeros they show (see fraction).
                   ELSE trim_scale(quantity) * trim_scale(contract_size) * 1.000000000000000000000000
                       / nullif(trim_scale(price), 0)
               END,
               CASE
                   WHEN contract = 'INVERSE' OR abs(quantity * contract_size * price) < 1e16 THEN 18
                   WHEN abs(quantity * contract_size * price) < 1e23 THEN 11
                   ELSE 4
               END
           ))
$$;
COMMENT ON FUNCTION contract_value IS
'What a quantity is worth at a price, in the settlement currency, rounded to 18 digits (fewer from 1e16 on, as '
'as_booked): quantity x contract size x price, or quantity x contract size / price of an INVERSE contract (NULL at '
'price 0).';

CREATE FUNCTION average_price(contract contract_type, contract_size numeric, quantity numeric, value numeric)
RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
    SELECT trim_scale(round(
               CASE contract
                   -- To so many decimals that rounding them again is rounding once, however many zeros are shown.
                   WHEN 'LINEAR' THEN round(value, 48) / nullif(quantity * contract_size, 0)
                   ELSE round(quantity * contract_size, 48) / nullif(value, 0)
               END,
               CASE
                   WHEN contract = 'INVERSE' OR abs(value) < 1e10 * abs(quantity * contract_size) THEN 24
                   WHEN abs(value) < 1e20 * abs(quantity * contract_size) THEN 14
                   ELSE 4
               END
           ))
$$;
COMMENT ON FUNCTION average_price IS
'The price at which a quantity is worth a value, rounded to 24 digits (to 14 from 1e10 on, so that it fits the 34 of a '
'Decimal128): the reverse of contract_value. NULL for nothing.';

CREATE FUNCTION share_of(value numeric, part numeric, whole numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
               WHEN part = whole THEN value
               ELSE trim_scale(round(round(value * part, 48) / whole, 18))
           END
$$;
COMMENT ON FUNCTION share_of IS
'The share of a value that falls to part of a whole, rounded to 18 digits; all of it for the whole, so that nothing is '
'left behind.';

CREATE FUNCTION quantity_of(size numeric, original numeric, held numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
               WHEN abs(size * original - held) <= original * 1e-12 THEN held
               ELSE trim_scale(round(size * original, 15 - ceil(log(original::float8))::integer))
           END
$$;
COMMENT ON FUNCTION quantity_of IS
'The quantity that a fraction of the original one means, rounded to 15 significant digits of the original; what is '
'held, where the two meet within 1e-12 of the original, so that three exits of a third end at nothing.';

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
               * (filled - requested) / nullif(requested, 0),
               12
           )
$$;
COMMENT ON FUNCTION slippage IS
'How much worse than requested an order was filled, as a fraction of the requested price rounded to 12 digits: '
'positive when it bought for more or sold for less; NULL without both prices.';
