-- Takes back what 0003-operations adds; refused by the server while an event of one of its types is stored.
ALTER TABLE trading_sessions DROP COLUMN is_verification;

ALTER TYPE event_type RENAME TO event_type_of_0003;
CREATE TYPE event_type AS ENUM (
    'ENGINE_START', 'ENGINE_STOP', 'STRATEGY_CHANGE', 'MODEL_UPDATE', 'ERROR', 'WARNING', 'ALERT',
    'BALANCE_ADJUSTMENT', 'TEST'
);
COMMENT ON TYPE event_type IS 'What a system event reports.';
ALTER TABLE system_events ALTER COLUMN event_type TYPE event_type USING event_type::text::event_type;
DROP TYPE event_type_of_0003;
