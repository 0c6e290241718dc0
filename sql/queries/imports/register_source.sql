-- Register a source of imports, or find it again; its id.
INSERT INTO import_sources (kind, name, fingerprint, time_zone, first_imported_at)
VALUES (:kind, :name, :fingerprint, :time_zone, :timestamp)
ON CONFLICT (kind, name, fingerprint) DO UPDATE
   SET kind = excluded.kind
RETURNING id
