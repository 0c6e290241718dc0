-- Enums and domains of what surrounds the books: risk, predictions, strategies, portfolio, control.

CREATE TYPE strategy_status AS ENUM ('EXPERIMENTAL', 'TESTING', 'PRODUCTION', 'RETIRED', 'DEPRECATED');
COMMENT ON TYPE strategy_status IS
'Where a strategy stands in its life: EXPERIMENTAL = being developed, TESTING = on trial, PRODUCTION = trades, '
'RETIRED = no longer used, DEPRECATED = must no longer be used.';

CREATE TYPE strategy_relationship AS ENUM ('EVOLUTION', 'BRANCH', 'MERGE');
COMMENT ON TYPE strategy_relationship IS
'How a strategy came from another: EVOLUTION = as its successor, BRANCH = as a variant beside it, MERGE = with parts '
'of it.';

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
