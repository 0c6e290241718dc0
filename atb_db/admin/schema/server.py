"""The surroundings of a schema: server, time zone, extensions, collation, sequences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, cast

from atb_db.admin.connection import Connection, ask
from atb_db.admin.destroy.guards import is_local
from atb_db.admin.findings import Finding, Level
from atb_db.admin.quoting import quoted
from atb_db.database.connecting import ServerInfo

_COLLATION_VERSIONS: Final = 150000
_NEEDED_EXTENSIONS: Final = frozenset({"plpgsql"})


class Surroundings(NamedTuple):
    """What the server reported."""

    time_zone: str
    """Of this session, as of every session of atb_db."""
    own_time_zone: str | None
    """That the database's other sessions start with, if the database says so."""
    encoding: str
    extensions: list[str]
    nearly_used_sequences: list[str]
    """Those of which more than 80 % are used."""


def read_surroundings(connection: Connection) -> Surroundings:
    """Ask the server."""
    return ask(connection, "environment", Surroundings)[0]


def surroundings_findings(connection: Connection, server: ServerInfo, found: Surroundings) -> Iterator[Finding]:
    """What is odd about them."""
    database = server.database
    if found.time_zone != "UTC":
        repair = "let the connection pooler pass `options` through, or ignore what it does not know"
        yield Finding("time zone", "session", "different", "UTC", found.time_zone, Level.ERROR, repair)
    if found.own_time_zone is not None and found.own_time_zone.upper() != "UTC":
        repair = f"ALTER DATABASE {quoted(database)} RESET timezone"
        yield Finding("time zone", f"database {database}", "different", "UTC", found.own_time_zone, Level.INFO, repair)
    if not server.ssl and not is_local(connection.info.host, connection.info.hostaddr):
        repair = "DATABASE_SSL_MODE=require"
        yield Finding("SSL", f"host {connection.info.host}", "not in use", "on", "off", Level.WARNING, repair)
    for name in sorted(_NEEDED_EXTENSIONS - set(found.extensions)):
        repair = f"CREATE EXTENSION {name}"
        yield Finding("extension", name, "missing", name, None, Level.ERROR, repair)
    for name in sorted(set(found.extensions) - _NEEDED_EXTENSIONS):
        yield Finding("extension", name, "not of atb_db", None, name, Level.INFO, None)
    for name in found.nearly_used_sequences:
        repair = (
            f"ALTER SEQUENCE {name} RESTART WITH a free number, if somebody moved it; else a larger type for its column"
        )
        where = name.removeprefix("public.")
        yield Finding("sequence", where, "nearly used up", "at most 80 %", "above 80 %", Level.ERROR, repair)
    yield from _collation(connection, database)


def _collation(connection: Connection, database: str) -> Iterator[Finding]:
    if connection.info.server_version < _COLLATION_VERSIONS:
        return
    recorded, actual = cast("tuple[str | None, str | None]", ask(connection, "collation")[0])
    if recorded is not None and recorded != actual:
        repair = "atb-db fix-collation"
        yield Finding("collation version", f"database {database}", "different", recorded, actual, Level.ERROR, repair)
