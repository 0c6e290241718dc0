"""Roles belong to the whole server, which tests share."""

from __future__ import annotations

from itertools import product

import psycopg

from atb_db.admin.access.privileges import GROUPS
from atb_db.embedded import Server


def execute(url: str, *scripts: str) -> None:
    """Each in a transaction of its own."""
    with psycopg.connect(url, autocommit=True) as connection:
        for script in scripts:
            connection.execute(script.encode())


def remove_roles(server: Server, *logins: str) -> None:
    """Take the groups and these logins away again: other tests see the whole server."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        names = [name for (name,) in connection.execute("SELECT datname FROM pg_database WHERE datallowconn")]
        found = connection.execute("SELECT rolname::text FROM pg_roles WHERE rolname = ANY (%s)", [[*GROUPS, *logins]])
        roles = [role for (role,) in found]
    for name, role in product(names, roles):
        # One role at a time: PostgreSQL stumbles over a default privilege that names two of them.
        execute(server.url(database=name), f'REASSIGN OWNED BY "{role}" TO postgres', f'DROP OWNED BY "{role}"')
    execute(server.url(), *(f'DROP ROLE "{role}"' for role in roles))
