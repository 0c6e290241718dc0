-- The records about the database; None if there are none.
SELECT environment, set_at, set_by, collation_version, collation_seen_at
  FROM deployment
