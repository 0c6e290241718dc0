-- Databases that killed drills have left: those of their names that nobody is connected to, and that the role may drop.
SELECT datname
  FROM pg_database AS d
 WHERE datname LIKE 'atb\_db\_drill\_%'
   AND pg_has_role(datdba, 'USAGE')
   AND NOT EXISTS (
           SELECT
             FROM pg_stat_activity AS a
            WHERE a.datid = d.oid
       )
