-- What atb_db itself has recorded of migrations, begun or finished.
SELECT id, checksum
  FROM public._atb_migration
 ORDER BY id
