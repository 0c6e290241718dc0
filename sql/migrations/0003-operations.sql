-- What commands record as events, and sessions that only show that recording works.

ALTER TYPE event_type ADD VALUE 'ENGINE_RESUME' AFTER 'TEST';
ALTER TYPE event_type ADD VALUE 'PURGE' AFTER 'ENGINE_RESUME';
ALTER TYPE event_type ADD VALUE 'BACKUP' AFTER 'PURGE';
ALTER TYPE event_type ADD VALUE 'RESTORE' AFTER 'BACKUP';
ALTER TYPE event_type ADD VALUE 'RESTORE_DRILL' AFTER 'RESTORE';
ALTER TYPE event_type ADD VALUE 'RESET' AFTER 'RESTORE_DRILL';
ALTER TYPE event_type ADD VALUE 'MAINTENANCE' AFTER 'RESET';

ALTER TABLE trading_sessions ADD COLUMN is_verification boolean NOT NULL DEFAULT FALSE;
COMMENT ON COLUMN trading_sessions.is_verification IS
'Whether the session only shows that recording works; reports leave it out.';
