-- How many rows of each table of a source ended as what.
SELECT source_table,
       (count(*) FILTER (WHERE outcome = 'RECORD'))::integer AS records,
       (count(*) FILTER (WHERE outcome = 'ADJUSTED'))::integer AS adjusted,
       (count(*) FILTER (WHERE outcome = 'QUARANTINED'))::integer AS quarantined
  FROM imported_rows
 WHERE source_id = :source_id
   AND existing_source(:source_id) IS NOT NULL
 GROUP BY source_table
 ORDER BY source_table
