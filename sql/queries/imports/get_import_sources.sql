-- The sources that something was imported from, oldest first.
SELECT id, kind, name, fingerprint, time_zone, first_imported_at
  FROM import_sources
 ORDER BY id
