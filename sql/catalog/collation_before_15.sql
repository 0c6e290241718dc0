-- As collation.sql, for PostgreSQL 14, which records no version: that of the operating system's collation of this name.
SELECT NULL::text AS recorded, max(pg_collation_actual_version(c.oid)) AS actual
  FROM pg_database AS d
  JOIN pg_collation AS c
    ON c.collprovider = 'c'
   AND lower(replace(c.collcollate, '-', '')) = lower(replace(d.datcollate, '-', ''))
 WHERE d.datname = current_database()
