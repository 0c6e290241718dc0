-- The rows of a source that were imported before, by table and key.
SELECT source_table, source_key, outcome, content_hash, session_id, target_id
  FROM imported_rows
 WHERE source_id = :source_id
   AND existing_source(:source_id) IS NOT NULL
 ORDER BY source_table, source_key
