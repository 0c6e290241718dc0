-- Imports: what other programs recorded, and what became of each of their rows.

CREATE TYPE import_outcome AS ENUM ('RECORD', 'ADJUSTED', 'QUARANTINED');
COMMENT ON TYPE import_outcome IS
'What became of a row of a source: RECORD = a record that says the same, ADJUSTED = a record that says something else, '
'or none because another says it already, for a reason that is given, QUARANTINED = kept as it was, in no book.';

CREATE TABLE import_sources (
    id bigint GENERATED ALWAYS AS IDENTITY,
    kind label NOT NULL,
    name label NOT NULL,
    fingerprint label NOT NULL,
    time_zone label,
    first_imported_at instant NOT NULL,
    CONSTRAINT import_sources_pkey PRIMARY KEY (id),
    CONSTRAINT import_sources_identity_key UNIQUE (kind, name, fingerprint)
);

CREATE TABLE imported_rows (
    source_id bigint NOT NULL,
    source_table label NOT NULL,
    source_key label NOT NULL,
    outcome import_outcome NOT NULL,
    content_hash bigint NOT NULL,
    session_id bigint,
    target_table label,
    target_id bigint,
    target_request_id uuid,
    reason prose,
    content document,
    imported_at instant NOT NULL,
    CONSTRAINT imported_rows_pkey PRIMARY KEY (source_id, source_table, source_key),
    CONSTRAINT imported_rows_source_id_fkey FOREIGN KEY (source_id) REFERENCES import_sources (id),
    CONSTRAINT imported_rows_session_id_fkey FOREIGN KEY (session_id) REFERENCES trading_sessions (id),
    CONSTRAINT imported_rows_reason_unless_record CHECK (outcome = 'RECORD' OR reason IS NOT NULL),
    CONSTRAINT imported_rows_quarantined_as_it_was CHECK (outcome <> 'QUARANTINED' OR content IS NOT NULL)
);

CREATE INDEX imported_rows_session_id_idx ON imported_rows (session_id);
CREATE INDEX imported_rows_quarantined_idx ON imported_rows (source_id, source_table, source_key)
WHERE outcome = 'QUARANTINED';

COMMENT ON TABLE import_sources IS
'Where rows were imported from: a bot''s database, or an account whose trades came in files.';
COMMENT ON COLUMN import_sources.id IS 'Identifier.';
COMMENT ON COLUMN import_sources.kind IS 'Which program wrote it: incumbent, freqtrade, or the format of a trade file.';
COMMENT ON COLUMN import_sources.name IS 'Name of the database, of the file or of the account.';
COMMENT ON COLUMN import_sources.fingerprint IS
'What never changes in the source, so that another one of the same name is not taken for it.';
COMMENT ON COLUMN import_sources.time_zone IS
'Zone in which its times without a zone were read, as the operator said; NULL where they are UTC.';
COMMENT ON COLUMN import_sources.first_imported_at IS 'When something of it was first imported.';

COMMENT ON TABLE imported_rows IS
'What became of each row of a source. A row that is here with the same content is not imported again.';
COMMENT ON COLUMN imported_rows.source_id IS 'Source of the row.';
COMMENT ON COLUMN imported_rows.source_table IS 'Table, or kind of record, in the source.';
COMMENT ON COLUMN imported_rows.source_key IS 'The row''s identifier in the source.';
COMMENT ON COLUMN imported_rows.outcome IS 'What became of it.';
COMMENT ON COLUMN imported_rows.content_hash IS
'Hash of its content: a row that has changed in the source is looked at again.';
COMMENT ON COLUMN imported_rows.session_id IS 'Session whose books it is in, or was meant for; NULL outside of any.';
COMMENT ON COLUMN imported_rows.target_table IS 'Table of the record that was made of it; NULL where none was.';
COMMENT ON COLUMN imported_rows.target_id IS 'Identifier of that record, where it was made by itself.';
COMMENT ON COLUMN imported_rows.target_request_id IS 'request_id of that record, where it was loaded in bulk.';
COMMENT ON COLUMN imported_rows.reason IS
'What was adjusted, with both figures, or why it is in quarantine; NULL where the record says what the row said.';
COMMENT ON COLUMN imported_rows.content IS
'Of a row in quarantine all of it, as it was; else what of it has no place in the record, such as a liquidation price.';
COMMENT ON COLUMN imported_rows.imported_at IS 'When it was imported, last where it has changed since.';

CREATE FUNCTION existing_source(wanted bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM FROM import_sources WHERE id = wanted;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'AT404', COLUMN = 'source_id',
            MESSAGE = format('import source %s does not exist', wanted);
    END IF;
    RETURN wanted;
END
$$;
COMMENT ON FUNCTION existing_source IS 'The given import source''s id; raises AT404 when there is no such source.';
