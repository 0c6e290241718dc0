-- Enums and domains: what a value may be, wherever it is stored.

CREATE TYPE position_side AS ENUM ('LONG', 'SHORT');
COMMENT ON TYPE position_side IS 'Direction of a position, and of the orders and trades that belong to it.';

CREATE TYPE position_status AS ENUM ('PLANNED', 'OPEN', 'CLOSED');
COMMENT ON TYPE position_status IS
'PLANNED = its entry order is journaled and nothing of it is filled; OPEN = holds something; CLOSED = holds nothing '
'any more, which is final.';

CREATE TYPE contract_type AS ENUM ('LINEAR', 'INVERSE');
COMMENT ON TYPE contract_type IS
'How a price makes a value: LINEAR = quantity x contract size x price (spot, linear futures), INVERSE = quantity x '
'contract size / price (such as XBTUSD, a number of dollars worth a varying number of bitcoins).';

CREATE TYPE order_type AS ENUM ('ENTRY', 'PARTIAL_EXIT', 'SCALE_IN', 'FULL_EXIT', 'STOP_LOSS');
COMMENT ON TYPE order_type IS 'What an order does to its position.';

CREATE TYPE order_status AS ENUM (
    'PENDING', 'OPEN', 'PARTIALLY_FILLED', 'FILLED', 'CANCELLED', 'FAILED', 'EXPIRED', 'UNKNOWN'
);
COMMENT ON TYPE order_status IS
'State of an order: PENDING = journaled before it is sent; FILLED, CANCELLED, FAILED and EXPIRED are final; '
'UNKNOWN = ask the exchange.';

CREATE TYPE fill_kind AS ENUM ('FILL', 'CHANGE', 'REST');
COMMENT ON TYPE fill_kind IS
'Where a row of order_fills comes from: FILL = one execution as the exchange reported it, CHANGE = what a reported '
'total or a fee that became known later changed, REST = the part of either that its position could not take up.';

CREATE TYPE trade_source AS ENUM ('LIVE', 'BACKTEST', 'PAPER');
COMMENT ON TYPE trade_source IS 'Where a session''s money is: on an exchange, in history, or on paper.';

CREATE TYPE partial_operation_type AS ENUM ('PARTIAL_EXIT', 'SCALE_IN');
COMMENT ON TYPE partial_operation_type IS 'Whether a partial trade made its position smaller or larger.';

CREATE TYPE event_type AS ENUM (
    'ENGINE_START', 'ENGINE_STOP', 'STRATEGY_CHANGE', 'MODEL_UPDATE', 'ERROR', 'WARNING', 'ALERT',
    'BALANCE_ADJUSTMENT', 'TEST', 'ENGINE_RESUME', 'PURGE', 'BACKUP', 'RESTORE', 'RESTORE_DRILL', 'RESET', 'MAINTENANCE'
);
COMMENT ON TYPE event_type IS 'What a system event reports.';

CREATE TYPE severity AS ENUM ('INFO', 'WARNING', 'ERROR', 'CRITICAL');
COMMENT ON TYPE severity IS 'How urgent a system event is, from least to most.';

CREATE TYPE metric_period AS ENUM ('DAILY', 'WEEKLY', 'MONTHLY', 'ALL_TIME');
COMMENT ON TYPE metric_period IS 'Length of the time span that a row of metrics covers; days start at 00:00 UTC.';

CREATE TYPE ledger_entry_type AS ENUM (
    'INITIAL', 'TRADE', 'FILL', 'FEE', 'FUNDING', 'INTEREST', 'TRANSFER', 'ADJUSTMENT', 'CORRECTION', 'MOVE'
);
COMMENT ON TYPE ledger_entry_type IS
'What moved the balance: INITIAL = the session''s start, TRADE = a trade logged without a position, FILL = P&L and fee '
'of a fill, FEE = a fee that became known later, FUNDING and INTEREST = paid or received while a position is open, '
'TRANSFER = a deposit or withdrawal, ADJUSTMENT = the balance set by hand or by an account sync, CORRECTION = of a '
'position by hand, MOVE = what a position had realised when it was moved to another session (it changes no balance).';

CREATE TYPE strategy_status AS ENUM ('EXPERIMENTAL', 'TESTING', 'PRODUCTION', 'RETIRED', 'DEPRECATED');
COMMENT ON TYPE strategy_status IS
'Where a strategy stands in its life: EXPERIMENTAL = being developed, TESTING = on trial, PRODUCTION = trades, '
'RETIRED = no longer used, DEPRECATED = must no longer be used.';

CREATE TYPE strategy_relationship AS ENUM ('EVOLUTION', 'BRANCH', 'MERGE');
COMMENT ON TYPE strategy_relationship IS
'How a strategy came from another: EVOLUTION = as its successor, BRANCH = as a variant beside it, MERGE = with parts '
'of it.';

CREATE TYPE environment AS ENUM ('DEVELOPMENT', 'STAGING', 'PRODUCTION');
COMMENT ON TYPE environment IS 'What a database is used for; PRODUCTION = losing it loses money.';

CREATE TYPE session_claim AS ENUM ('CREATED', 'RESUMED', 'REOPENED');
COMMENT ON TYPE session_claim IS
'How an engine came by its session: CREATED = a new one, RESUMED = one that had not ended, REOPENED = one that had.';

CREATE DOMAIN amount AS numeric
CONSTRAINT amount_finite CHECK (VALUE > -1e30 AND VALUE < 1e30);
COMMENT ON DOMAIN amount IS 'Exact money in the session''s base currency, of either sign; never NaN or Infinity.';

CREATE DOMAIN nonnegative AS numeric
CONSTRAINT nonnegative_finite CHECK (VALUE >= 0 AND VALUE < 1e30);
COMMENT ON DOMAIN nonnegative IS 'An exact number that is zero or more; never NaN or Infinity.';

CREATE DOMAIN price AS numeric
CONSTRAINT price_nonnegative CHECK (VALUE >= 0 AND VALUE < 1e30);
COMMENT ON DOMAIN price IS
'Exact price of one unit in the quote currency; zero or more (a worthless option costs 0), never NaN or Infinity.';

CREATE DOMAIN signed_price AS numeric
CONSTRAINT signed_price_finite CHECK (VALUE > -1e30 AND VALUE < 1e30);
COMMENT ON DOMAIN signed_price IS
'Exact price of one unit in the quote currency, negative only where the instrument allows it (power, spreads); never '
'NaN or Infinity.';

CREATE DOMAIN quantity AS numeric
CONSTRAINT quantity_positive CHECK (VALUE > 0 AND VALUE < 1e30);
COMMENT ON DOMAIN quantity IS 'Exact number of units of the base asset; above zero, never NaN or Infinity.';

CREATE DOMAIN size AS numeric
CONSTRAINT size_positive CHECK (VALUE > 0 AND VALUE < 1e6);
COMMENT ON DOMAIN size IS
'A fraction of a whole that the column names (0.05 = 5 %); above zero, above 1 only with leverage.';

CREATE DOMAIN fraction AS numeric
CONSTRAINT fraction_range CHECK (VALUE >= 0 AND VALUE <= 1);
COMMENT ON DOMAIN fraction IS 'A share from 0 to 1 (0.05 = 5 %).';

CREATE DOMAIN ratio AS numeric
CONSTRAINT ratio_finite CHECK (VALUE > -1e30 AND VALUE < 1e30);
COMMENT ON DOMAIN ratio IS
'A dimensionless number of either sign; a fraction (0.05 = 5 %) unless the column''s name ends in _percent.';

CREATE DOMAIN instant AS timestamptz
CONSTRAINT instant_plausible CHECK (VALUE >= '1900-01-01 00:00:00+00' AND VALUE < '2200-01-01 00:00:00+00');
COMMENT ON DOMAIN instant IS 'A moment in time between the years 1900 and 2200.';

CREATE DOMAIN exchange_time AS timestamptz
CONSTRAINT exchange_time_plausible CHECK (VALUE >= '2009-01-03 00:00:00+00' AND VALUE < '2200-01-01 00:00:00+00');
COMMENT ON DOMAIN exchange_time IS
'A moment as an exchange reports it, not before 2009: an exchange time of 0 is a time that was never set.';

CREATE DOMAIN symbol AS text
CONSTRAINT symbol_form CHECK (VALUE !~ '^[[:space:]]|[[:space:]]$' AND length(VALUE) BETWEEN 1 AND 128);
COMMENT ON DOMAIN symbol IS
'Name of a traded instrument, such as BTCUSDT or SPXW  260120P06835000: 1 to 128 characters, no blanks at either end.';

CREATE DOMAIN label AS text
CONSTRAINT label_form CHECK (VALUE !~ '^[[:space:]]|[[:space:]]$' AND length(VALUE) BETWEEN 1 AND 255);
COMMENT ON DOMAIN label IS 'A short name or reason: 1 to 255 characters, no blanks at either end.';

CREATE DOMAIN prose AS text
CONSTRAINT prose_length CHECK (octet_length(VALUE) BETWEEN 1 AND 1048576);
COMMENT ON DOMAIN prose IS 'Free text of 1 byte to 1 MiB.';

CREATE DOMAIN document AS jsonb
CONSTRAINT document_size CHECK (pg_column_size(VALUE) <= 16777216);
COMMENT ON DOMAIN document IS
'A JSON document, at most 1 MiB as text when written through atb_db; exact numbers are strings in it.';

CREATE DOMAIN counter AS integer
CONSTRAINT counter_nonnegative CHECK (VALUE >= 0);
COMMENT ON DOMAIN counter IS 'A number of things, zero or more.';

CREATE DOMAIN positive_integer AS integer
CONSTRAINT positive_integer_positive CHECK (VALUE > 0);
COMMENT ON DOMAIN positive_integer IS 'A whole number above zero.';

CREATE DOMAIN direction AS smallint
CONSTRAINT direction_sign CHECK (VALUE IN (-1, 0, 1));
COMMENT ON DOMAIN direction IS 'Expected move of a price: -1 = down, 0 = none, 1 = up.';

CREATE DOMAIN correlation AS numeric
CONSTRAINT correlation_range CHECK (VALUE >= -1 AND VALUE <= 1);
COMMENT ON DOMAIN correlation IS 'A coefficient of correlation from -1 to 1.';

CREATE DOMAIN ttl_seconds AS numeric
CONSTRAINT ttl_seconds_range CHECK (VALUE > 0 AND VALUE <= 315360000);
COMMENT ON DOMAIN ttl_seconds IS 'A time to live in seconds: above zero, at most ten years.';

CREATE DOMAIN time_zone AS text
CONSTRAINT time_zone_form CHECK (VALUE ~ '^(UTC|[A-Za-z]+(/[A-Za-z0-9_+-]+)+)$')
CONSTRAINT time_zone_known CHECK (isfinite(timezone(VALUE, 'epoch'::timestamptz)));
COMMENT ON DOMAIN time_zone IS 'Name of an IANA time zone that the server knows: UTC, or such as America/New_York.';

CREATE DOMAIN time_of_day AS text
CONSTRAINT time_of_day_form CHECK (VALUE ~ '^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$');
COMMENT ON DOMAIN time_of_day IS 'A time on the wall clock as HH:MM or HH:MM:SS, from 00:00 to 23:59:59.';

CREATE DOMAIN weekdays AS jsonb
CONSTRAINT weekdays_form CHECK (
    CASE
        WHEN jsonb_typeof(VALUE) <> 'array' THEN FALSE
        ELSE jsonb_array_length(VALUE) BETWEEN 1 AND 7 AND VALUE <@ '[1, 2, 3, 4, 5, 6, 7]'
    END
);
COMMENT ON DOMAIN weekdays IS 'A JSON array of ISO days of the week: 1 = Monday to 7 = Sunday; at least one.';
