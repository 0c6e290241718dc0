-- Record what became of rows of a source, or became of them now that they have changed; how many rows there were.
WITH written AS (
    INSERT INTO imported_rows (
        source_id, source_table, source_key, outcome, content_hash, session_id, target_table, target_id,
        target_request_id, reason, content, imported_at
    )
    SELECT :source_id, r.source_table, r.source_key, r.outcome, r.content_hash, r.session_id, r.target_table,
           r.target_id, r.target_request_id, r.reason, r.content::jsonb, :timestamp
      FROM json_to_recordset(:rows) AS r (
               source_table text, source_key text, outcome import_outcome, content_hash bigint, session_id bigint,
               target_table text, target_id bigint, target_request_id uuid, reason text, content text
           )
    ON CONFLICT (source_id, source_table, source_key) DO UPDATE
       SET outcome = excluded.outcome, content_hash = excluded.content_hash, session_id = excluded.session_id,
           target_table = excluded.target_table, target_id = excluded.target_id,
           target_request_id = excluded.target_request_id, reason = excluded.reason, content = excluded.content,
           imported_at = excluded.imported_at
    RETURNING 1
)
SELECT count(*)::integer AS rows
  FROM written
