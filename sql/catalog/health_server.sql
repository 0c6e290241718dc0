-- What a health check needs to know first: whether the server takes writes, and what of ours is in the database.
SELECT current_setting('server_version') AS version,
       pg_is_in_recovery() AS is_standby,
       current_setting('transaction_read_only')::boolean AS is_read_only,
       to_regclass('public.trading_sessions') IS NOT NULL
       AND to_regproc('public.awaits_engine') IS NOT NULL AS has_schema,
       to_regclass('public._yoyo_migration') IS NOT NULL AS has_records,
       coalesce(
           has_table_privilege(to_regclass('public._yoyo_migration'), 'SELECT'), FALSE
       ) AS may_read_records
