-- Record the collation version under which every index is in order.
INSERT INTO deployment (collation_version, collation_seen_at)
VALUES (:collation_version, :timestamp)
ON CONFLICT (singleton) DO UPDATE
   SET collation_version = excluded.collation_version,
       collation_seen_at = excluded.collation_seen_at
