-- The sessions of an export that this database has: by their request, with what was imported of them, if it was.
SELECT s.id AS staged_id, t.id AS session_id, r.content_hash
  FROM staged_trading_sessions AS s
  JOIN trading_sessions AS t ON t.request_id = s.request_id
  LEFT JOIN LATERAL (
           SELECT i.content_hash
             FROM imported_rows AS i
             JOIN import_sources AS o ON o.id = i.source_id AND o.kind = 'export'
            WHERE i.session_id = t.id
              AND i.source_table = 'trading_sessions'
              AND i.target_id = t.id
       ) AS r ON TRUE
 ORDER BY s.id
