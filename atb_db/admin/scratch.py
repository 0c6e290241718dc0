"""Databases that a drill restores into, and leaves nothing of."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex, token_urlsafe
from typing import Final

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from atb_db.admin.connection import Connection
from atb_db.admin.errors import ToolMissing
from atb_db.admin.programs import Tool, tool_for
from atb_db.config import Settings
from atb_db.database.connecting import connect_arguments
from atb_db.database.translation import translated
from atb_db.sqlfile import sql_root

PREFIX: Final = "atb_db_drill_"


@contextmanager
def on_server(settings: Settings) -> Iterator[Settings]:
    """A database of the drill's own on the settings' server; what killed drills have left is removed, too.

    Whoever made a dump has written the code in it, and that runs with the rights of the role which restores. So a
    superuser does not restore: a role that lives as long as the database does, and may nothing else.

    Raises:
        PermissionDenied: the role may not create databases.
        Unavailable: the server cannot be reached.
    """
    name = PREFIX + token_hex(4)
    own = settings._replace(conninfo=make_conninfo(settings.conninfo, dbname=name))
    scratch = sql.Identifier(name)
    with translated(), _connected(settings) as server:
        _remove_leftovers(server)
        # template0 has nothing in it that an administrator may have put into template1.
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(scratch))
        try:
            # As long as somebody is connected, no other drill takes it for a leftover.
            with _connected(own) as inside:
                yield _unprivileged(inside, own, name) if _is_superuser(server) else own
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(scratch))
            if _is_superuser(server):
                server.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(scratch))


@contextmanager
def embedded_server(major: int) -> Iterator[Settings]:
    """A database in a PostgreSQL of the drill's own, of this major version or the next newer one there is.

    Its role is no superuser: the code in a dump gets no further than the scratch database.

    Raises:
        ToolMissing: the extra `embedded` is not installed, or has no such PostgreSQL.
    """
    binaries = _binaries(major)
    from atb_db.embedded import postgresql

    # On the disk and durable, as the real thing would be.
    with postgresql(durable=True, bin_dir=binaries.path.parent) as server:
        own = Settings.load(server.create_database("drill", template="template0"), environ={}, dotenv=Path(os.devnull))
        with translated(), _connected(own) as inside:
            yield _unprivileged(inside, own, "drill")


def has_server(major: int) -> bool:
    """Whether `embedded_server` can be used for a dump of this major version."""
    try:
        _binaries(major)
    except ToolMissing:
        return False
    return True


def _binaries(major: int) -> Tool:
    if find_spec("testing") is None or find_spec("testing.postgresql") is None:
        raise ToolMissing("the embedded PostgreSQL is not installed: pip install 'atb-db[embedded]'")
    return tool_for("initdb", major)


def _connected(settings: Settings) -> Connection:
    arguments = connect_arguments(settings._replace(statement_timeout=0))
    return psycopg.connect(arguments.conninfo, autocommit=True)


def _is_superuser(server: Connection) -> bool:
    return server.info.parameter_status("is_superuser") == "on"


def _unprivileged(inside: Connection, settings: Settings, database: str) -> Settings:
    """The settings with a new login that owns the scratch database and may nothing else; it has the database's name."""
    password = token_urlsafe(24)
    # Only what the password becomes is sent: statements may be logged.
    verifier = inside.pgconn.encrypt_password(password.encode(), database.encode(), b"scram-sha-256").decode()
    role = sql.Identifier(database)
    inside.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, verifier))
    inside.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(role, role))
    inside.execute("ALTER SCHEMA public OWNER TO pg_database_owner")  # as it is from PostgreSQL 15 on
    own = settings._replace(conninfo=make_conninfo(settings.conninfo, user=database, password=password))
    with _connected(own):
        return own


def _remove_leftovers(server: Connection) -> None:
    """Remove scratch databases that nobody uses, and roles without theirs; a drill that is under way uses its own."""
    query = (sql_root() / "catalog" / "scratch_databases.sql").read_bytes()
    for (name,) in server.execute(query).fetchall():
        with suppress(psycopg.errors.ObjectInUse):
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(str(name))))
    query = (sql_root() / "catalog" / "scratch_roles.sql").read_bytes()
    for (name,) in server.execute(query).fetchall():
        server.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(str(name))))
