"""Guards of destructive commands: the target, and whether the command may run on it."""

from __future__ import annotations

import ipaddress
from typing import Final, NamedTuple, TypeAlias

from atb_db.admin.connection import Connection, ask, reading
from atb_db.admin.destroy.deployment import read_environment
from atb_db.admin.errors import Refused
from atb_db.config import Settings
from atb_db.types import Environment


class Usage(NamedTuple):
    """What a database holds and who uses it."""

    connections: int
    """Of others, at this moment."""
    rows: int
    """About how many, by the server's statistics."""
    bytes: int


class Target(NamedTuple):
    """The database that a destructive command is about to hit."""

    host: str
    """As it was connected to; a folder is a socket."""
    local: bool
    """Whether the host is this machine."""
    database: str
    user: str
    environment: Environment | None
    """What the database says of itself; None where it says nothing."""
    usage: Usage

    @property
    def counts_as(self) -> Environment:
        """The environment to go by: a database elsewhere that says nothing may be anything, so it is PRODUCTION."""
        if self.environment is not None:
            return self.environment
        return Environment.DEVELOPMENT if self.local else Environment.PRODUCTION


class Request(NamedTuple):
    """The answers on the command line or at its prompt."""

    environment: Environment | None = None
    name: str | None = None
    """The database's name, typed in full; None as long as nobody has typed it."""


class Allowed(NamedTuple):
    """Go on."""


class NameNeeded(NamedTuple):
    """All is well but for the database's name, which somebody must type."""


class Denied(NamedTuple):
    """Stop."""

    reason: str


Verdict: TypeAlias = Allowed | NameNeeded | Denied

_NAME_OPTION: Final = "--confirm"


def judge(target: Target, request: Request) -> Verdict:
    """Whether a destructive command may go on; nothing is asked of anybody."""
    marked, wanted = target.environment, request.environment
    if marked is not None and wanted is not None and marked is not wanted:
        return Denied(f"the database {target.database} is marked {marked}, not {wanted}")
    if target.counts_as is Environment.PRODUCTION and wanted is not Environment.PRODUCTION:
        why = "is marked PRODUCTION" if marked else "is not on this machine and not marked, so it counts as PRODUCTION"
        return Denied(f"the database {target.database} on {target.host} {why}: confirm with --env production")
    if request.name is None:
        return NameNeeded()
    if request.name != target.database:
        return Denied(f"the database is called {target.database!r}, not {request.name!r}")
    return Allowed()


def guard(target: Target, request: Request) -> None:
    """Go on only when `judge` allows it.

    Raises:
        Refused: it does not, or nobody has typed the database's name.
    """
    match judge(target, request):
        case Denied(reason):
            raise Refused(reason)
        case NameNeeded():
            raise Refused(
                f"this is no terminal, so nothing can be asked: confirm with {_NAME_OPTION} {target.database}"
            )
        case Allowed():
            return


def find_target(settings: Settings) -> Target:
    """What the settings lead to; reads only.

    Raises:
        Unavailable: the server cannot be reached.
    """
    with reading(settings) as (connection, _):
        return read_target(connection)


def read_target(connection: Connection) -> Target:
    """What the connection leads to."""
    (usage,) = ask(connection, "target", Usage)
    info = connection.info
    return Target(
        host=info.host or info.hostaddr,
        local=is_local(info.host, info.hostaddr),
        database=info.dbname,
        user=info.user,
        environment=read_environment(connection),
        usage=usage,
    )


def is_local(host: str, hostaddr: str) -> bool:
    """Whether a connection to it stays on this machine: a socket, or a loopback address."""
    if host.startswith(("/", "@")):
        return True
    try:
        return ipaddress.ip_address(hostaddr or host).is_loopback
    except ValueError:
        return host == "localhost"
