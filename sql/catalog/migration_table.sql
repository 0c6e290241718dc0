-- The table beside yoyo's: what a migration's file said when it was applied, and those that were only begun.
CREATE TABLE IF NOT EXISTS public._atb_migration (
    id text CONSTRAINT _atb_migration_pkey PRIMARY KEY,
    checksum text NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT now(),
    adopted boolean NOT NULL DEFAULT FALSE
);
COMMENT ON TABLE public._atb_migration IS
'Content of the migrations, as it was when they were begun; yoyo''s own tables say which of them finished.';
COMMENT ON COLUMN public._atb_migration.id IS 'Name of the migration''s file without the ending.';
COMMENT ON COLUMN public._atb_migration.checksum IS
'SHA-256 of what the file said, comments and white space left out.';
COMMENT ON COLUMN public._atb_migration.begun_at IS 'When it was begun, or adopted.';
COMMENT ON COLUMN public._atb_migration.adopted IS
'Whether it was recorded without being run, or before checksums were.';
