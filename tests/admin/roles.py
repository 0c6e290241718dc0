"""Roles belong to the whole server, which tests share."""

from __future__ import annotations

from typing import Final

import psycopg

from atb_db.admin.access.privileges import GROUPS
from atb_db.embedded import Server

_OWNING: Final = """
SELECT DISTINCT d.datname::text, r.rolname::text
  FROM pg_shdepend AS s
  JOIN pg_database AS d ON d.oid IN (s.dbid, CASE s.classid WHEN 'pg_database'::regclass THEN s.objid END)
  JOIN pg_roles AS r ON r.oid = s.refobjid AND s.refclassid = 'pg_authid'::regclass
 WHERE d.datallowconn AND r.rolname = ANY (%s)
"""


def execute(url: str, *scripts: str) -> None:
    """Each in a transaction of its own."""
    with psycopg.connect(url, autocommit=True) as connection:
        for script in scripts:
            connection.execute(script.encode())


def remove_roles(server: Server, *logins: str) -> None:
    """Take the groups and these logins away again: other tests see the whole server."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        owning = connection.execute(_OWNING, [[*GROUPS, *logins]]).fetchall()
        found = connection.execute("SELECT rolname::text FROM pg_roles WHERE rolname = ANY (%s)", [[*GROUPS, *logins]])
        roles = [role for (role,) in found]
    for name, role in owning:
        # One role at a time: PostgreSQL stumbles over a default privilege that names two of them.
        execute(server.url(database=name), f'REASSIGN OWNED BY "{role}" TO postgres', f'DROP OWNED BY "{role}"')
    execute(server.url(), *(f'DROP ROLE "{role}"' for role in roles))
