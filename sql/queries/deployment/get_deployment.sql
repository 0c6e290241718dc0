-- What the database is said to be; None as long as nobody has said anything.
SELECT environment, set_at, set_by, collation_version, collation_seen_at
  FROM deployment
