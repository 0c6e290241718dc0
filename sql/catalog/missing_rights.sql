-- What gives the role the rights to make the schema that it does not have: one GRANT each.
SELECT format('GRANT CREATE ON SCHEMA %I TO %I', nspname, current_user) AS statement
  FROM pg_namespace
 WHERE nspname IN ('public', 'reporting')
   AND NOT has_schema_privilege(oid, 'CREATE')
 UNION ALL
SELECT format('GRANT CREATE ON DATABASE %I TO %I', current_database(), current_user)
 WHERE to_regnamespace('reporting') IS NULL
   AND NOT has_database_privilege(current_database(), 'CREATE')
 ORDER BY statement
