-- The migrations that yoyo has recorded, in the order in which they were applied.
SELECT migration_id AS id, applied_at_utc AT TIME ZONE 'UTC' AS applied_at
  FROM public._yoyo_migration
 ORDER BY applied_at_utc, migration_id
