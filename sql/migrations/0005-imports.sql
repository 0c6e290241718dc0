-- Imports: what other programs recorded, and what became of each of their rows.
CREATE TYPE import_outcome AS ENUM ('RECORD', 'ADJUSTED', 'QUARANTINED');

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
