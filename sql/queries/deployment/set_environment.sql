-- Record what the database is used for.
INSERT INTO deployment (environment, set_at, set_by)
VALUES (:environment, :timestamp, :set_by)
ON CONFLICT (singleton) DO UPDATE
   SET environment = excluded.environment,
       set_at = excluded.set_at,
       set_by = excluded.set_by
