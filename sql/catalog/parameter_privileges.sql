-- Superusers' settings that engines, readers or everybody may change by a grant: PostgreSQL 15 and later.
SELECT 'PARAMETER' AS kind, p.parname AS name, NULL AS column_name,
       CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee,
       a.privilege_type AS privilege, FALSE AS may_grant
  FROM pg_parameter_acl AS p
 CROSS JOIN LATERAL aclexplode(p.paracl) AS a
 WHERE a.grantee = 0
    OR EXISTS (
           SELECT
             FROM pg_roles AS e
             JOIN pg_roles AS g ON g.rolname IN ('atb_runtime', 'atb_reader') AND pg_has_role(e.oid, g.oid, 'MEMBER')
            WHERE NOT e.rolsuper
              AND pg_has_role(e.oid, a.grantee, 'MEMBER')
       )
 ORDER BY 2, 4, 5
