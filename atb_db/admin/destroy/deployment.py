"""The environment marker: whether a database is marked as staging or production."""

from __future__ import annotations

import socket
from typing import NamedTuple

from atb_db.admin.connection import Connection, perform, reading, writing
from atb_db.admin.errors import Refused
from atb_db.config import Settings
from atb_db.database.connecting import ServerInfo
from atb_db.repository import deployment
from atb_db.repository.deployment import Deployment
from atb_db.types import Environment


class Marked(NamedTuple):
    """A database and its marker; None as long as it has none."""

    server: ServerInfo
    deployment: Deployment | None


def read_deployment(connection: Connection) -> Deployment | None:
    """The marker of the connected database; None also where the table does not exist yet."""
    row = connection.execute("SELECT to_regclass('public.deployment') IS NOT NULL").fetchone()
    return perform(connection, deployment.get_deployment()) if row == (True,) else None


def read_environment(connection: Connection) -> Environment | None:
    """The environment of the connected database; None as long as nobody has said."""
    found = read_deployment(connection)
    return found.environment if found else None


def show_environment(settings: Settings) -> Marked:
    """The marker of the database; reads only.

    Raises:
        Unavailable: the server cannot be reached.
    """
    with reading(settings) as (connection, server):
        return Marked(server, read_deployment(connection))


def refuse_others(settings: Settings, environment: Environment) -> None:
    """Go on only where nobody has marked the database as something else; reads only.

    Raises:
        Refused: somebody has.
        Unavailable: the server cannot be reached.
    """
    with reading(settings) as (connection, server):
        _refuse_others(read_environment(connection), environment, server)


def mark_environment(settings: Settings, environment: Environment, *, replace: bool = False) -> Marked:
    """Say what the database is used for; saying the same again changes nothing.

    Raises:
        Refused: it is marked as something else, and not `replace`.
        SchemaMismatch: the migration that makes the table has not been applied.
        Unavailable: the server cannot be reached.
    """
    with writing(settings) as (connection, server):
        before = read_environment(connection)
        if not replace:
            _refuse_others(before, environment, server)
        if before is not environment:
            _mark(connection, environment)
        return Marked(server, read_deployment(connection))


def remark(connection: Connection, environment: Environment | None) -> None:
    """Have the connected database say this of itself, or nothing, whatever it says; nothing without the table."""
    if read_deployment(connection) is None:
        return
    connection.execute("UPDATE public.deployment SET environment = NULL, set_at = NULL, set_by = NULL")
    if environment is not None:
        _mark(connection, environment)


def _mark(connection: Connection, environment: Environment) -> None:
    set_by = f"{connection.info.user} from {socket.gethostname()}"
    perform(connection, deployment.set_environment(environment=environment, set_by=set_by))


def _refuse_others(marked: Environment | None, environment: Environment, server: ServerInfo) -> None:
    if marked is not None and marked is not environment:
        raise Refused(f"the database {server.database} is marked {marked}, not {environment}")
