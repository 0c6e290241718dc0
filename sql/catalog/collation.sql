-- The version of the collation that the database was made with, and that of the library in use; from PostgreSQL 15 on.
SELECT datcollversion AS recorded, pg_database_collation_actual_version(oid) AS actual
  FROM pg_database
 WHERE datname = current_database()
