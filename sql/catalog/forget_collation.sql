-- The indexes were built just now: the version that is remembered was that of another server.
UPDATE deployment
   SET collation_version = NULL, collation_seen_at = NULL
 WHERE collation_version IS NOT NULL
