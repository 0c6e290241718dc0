-- The rows of a source that are in quarantine, each as it was, with the reason.
SELECT source_table, source_key, reason, content
  FROM imported_rows
 WHERE source_id = :source_id
   AND existing_source(:source_id) IS NOT NULL
   AND outcome = 'QUARANTINED'
 ORDER BY source_table, source_key
