-- The indexes were built just now: the version that they were remembered to be in order under is another server's.
UPDATE deployment
   SET collation_version = NULL, collation_seen_at = NULL
 WHERE collation_version IS NOT NULL
