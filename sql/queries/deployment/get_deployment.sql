-- What is recorded about the database; None if nothing is.
SELECT environment, set_at, set_by, collation_version, collation_seen_at
  FROM deployment
