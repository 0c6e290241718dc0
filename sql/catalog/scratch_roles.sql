-- Logins of drills whose databases are gone; the role may drop them.
SELECT rolname
  FROM pg_roles AS r
 WHERE rolname LIKE 'atb\_db\_drill\_%'
   AND NOT EXISTS (
           SELECT
             FROM pg_database AS d
            WHERE d.datname = r.rolname
       )
   AND (SELECT m.rolsuper FROM pg_roles AS m WHERE m.rolname = current_user)
