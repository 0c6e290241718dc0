-- Who owns the tables of atb_db, and whether that is a login; no row where there are none.
SELECT r.rolname::text AS name, r.rolcanlogin AS can_log_in
  FROM pg_class AS c
  JOIN pg_roles AS r ON r.oid = c.relowner
 WHERE c.oid = to_regclass('public.trading_sessions')
