"""Scratch databases that drills and rehearsals work in, and leave nothing of."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from secrets import token_hex, token_urlsafe
from typing import Final, NamedTuple

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from atb_db.admin.connection import Connection, ask
from atb_db.admin.errors import ToolMissing
from atb_db.admin.programs import Tool, tool_for
from atb_db.config import Settings
from atb_db.database.connecting import connect_arguments
from atb_db.database.translation import translated
from atb_db.errors import ConfigurationError, Unavailable

_OWNER: Final = "scratch"


class Purpose(StrEnum):
    """What a scratch database is for; its name says so."""

    DRILL = "drill"
    REHEARSAL = "rehearsal"

    @property
    def prefix(self) -> str:
        """With which the names of its databases begin."""
        return f"atb_db_{self}_"


class Place(NamedTuple):
    """What the connected server has for a scratch database; as sql/catalog/scratch_place.sql says."""

    lc_collate: str
    lc_ctype: str
    may_create: bool
    is_superuser: bool
    left_behind: Sequence[str]
    """Scratch databases that nobody is connected to."""
    ownerless: Sequence[str]
    """Logins of scratch databases that are gone; empty for a role that may not drop them."""


class Scratch(NamedTuple):
    """A scratch database."""

    settings: Settings
    beside: bool
    """Whether it is on the live server; else it is in a throwaway server on this machine."""
    removed: tuple[str, ...]
    """Scratch databases that interrupted runs had left behind."""


def read_place(connection: Connection) -> Place:
    """Ask the server."""
    [place] = ask(connection, "scratch_place", Place)
    return place


@contextmanager
def on_server(settings: Settings, purpose: Purpose, *, as_superuser: bool = False) -> Iterator[Scratch]:
    """A database on the settings' server, sorted as theirs is; those that killed runs have left are removed, too.

    The code in a dump was written by its author, and it runs with the rights of the role that restores. So a
    superuser does not restore, unless `as_superuser`: a login that lives as long as the database does, and owns nothing
    else.

    Raises:
        PermissionDenied: the role may not create databases.
        Unavailable: the server cannot be reached, or does not let that login in.
    """
    name = purpose.prefix + token_hex(4)
    own = settings._replace(conninfo=make_conninfo(settings.conninfo, dbname=name))
    scratch = sql.Identifier(name)
    with translated(), _connected(settings) as server:
        place = read_place(server)
        removed = tuple(_remove_leftovers(server, place))
        # template0 has nothing in it that an administrator may have put into template1.
        create = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE {} LC_CTYPE {}")
        server.execute(create.format(scratch, place.lc_collate, place.lc_ctype))
        plainly = place.is_superuser and not as_superuser
        try:
            # As long as somebody is connected, nobody takes it for a leftover.
            with _connected(own) as inside:
                yield Scratch(_as_owner(inside, own, name) if plainly else own, beside=True, removed=removed)
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(scratch))
            if plainly:
                server.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(scratch))


@contextmanager
def in_embedded_server(major: int, *, durable: bool) -> Iterator[Scratch]:
    """A database in a throwaway PostgreSQL of this major version, or of the next newer one there is.

    Its role is no superuser: the code in a dump gets no further than the scratch database. `durable` is for measuring:
    on the disk, as the real thing would be.

    Raises:
        ToolMissing: the extra `embedded` is not installed, or has no such PostgreSQL.
    """
    binaries = _binaries(major)
    from atb_db.embedded import postgresql

    with postgresql(durable=durable, bin_dir=binaries.path.parent) as server:
        # Nothing of the environment: it speaks of another server.
        url = server.create_database(_OWNER, template="template0")
        own = Settings.load(url, environ={}, dotenv=Path(os.devnull))
        with translated(), _connected(own) as inside:
            yield Scratch(_as_owner(inside, own, _OWNER), beside=False, removed=())


def has_server(major: int) -> bool:
    """Whether `in_embedded_server` can be used for a dump of this major version."""
    try:
        _binaries(major)
    except ToolMissing:
        return False
    return True


def _binaries(major: int) -> Tool:
    try:
        from atb_db.embedded import postgresql  # noqa: F401  whether it can be
    except ConfigurationError as error:
        raise ToolMissing(error.message) from None
    return tool_for("initdb", major)


def _connected(settings: Settings) -> Connection:
    arguments = connect_arguments(settings._replace(statement_timeout=0))
    return psycopg.connect(arguments.conninfo, autocommit=True)


def _as_owner(inside: Connection, settings: Settings, name: str) -> Settings:
    """The settings with a new login that owns the scratch database and may nothing else; both have that name."""
    password = token_urlsafe(24)
    # Only what the password becomes is sent: statements may be logged.
    verifier = inside.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    role = sql.Identifier(name)
    inside.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, verifier))
    inside.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(role, role))
    inside.execute("ALTER SCHEMA public OWNER TO pg_database_owner")  # as it is from PostgreSQL 15 on
    own = settings._replace(conninfo=make_conninfo(settings.conninfo, user=name, password=password))
    try:
        _connected(own).close()
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[-1]
        way_out = "connect as a role that is no superuser, and none is needed"
        raise Unavailable(
            f"the server does not let the login of the scratch database in: {reason}; {way_out}"
        ) from None
    return own


def _remove_leftovers(server: Connection, place: Place) -> Iterator[str]:
    """Remove scratch databases that nobody uses, and logins without theirs; what is under way uses its own."""
    for name in place.left_behind:
        with suppress(psycopg.errors.ObjectInUse):
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
            yield name
    for name in {*place.ownerless, *(place.left_behind if place.is_superuser else ())}:
        with suppress(psycopg.errors.DependentObjectsStillExist):
            server.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))
