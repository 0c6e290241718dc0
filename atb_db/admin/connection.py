"""A connection that only reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeAlias

import psycopg
from psycopg import IsolationLevel

from atb_db.config import Settings
from atb_db.database.faults import translated
from atb_db.database.session import ServerInfo, accept, connect_arguments

Connection: TypeAlias = psycopg.Connection[tuple[object, ...]]


class Reading(NamedTuple):
    """A read-only transaction that sees one moment, and the server that it is on."""

    connection: Connection
    server: ServerInfo


@contextmanager
def reading(settings: Settings) -> Iterator[Reading]:
    """Connect and read, in one transaction in which the server refuses every write; names are those of `public`.

    Raises:
        Unavailable: the server cannot be reached or refuses the credentials.
        ConfigurationError: the server is too old, or the database is not encoded in UTF-8.
    """
    with translated(), psycopg.connect(connect_arguments(settings).conninfo) as connection:
        server = accept(connection)
        connection.read_only = True
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.execute("SET search_path TO public")
        yield Reading(connection, server)
