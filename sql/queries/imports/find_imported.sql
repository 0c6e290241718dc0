-- What became of a row of any source, by its identifier there.
SELECT s.id AS source_id, s.kind, s.name, r.source_table, r.source_key, r.outcome, r.session_id, r.target_table,
       r.target_id, r.target_request_id, r.reason, r.content
  FROM import_sources AS s
  JOIN imported_rows AS r ON r.source_id = s.id
 WHERE r.source_table = :source_table
   AND r.source_key = :source_key
 ORDER BY s.id
