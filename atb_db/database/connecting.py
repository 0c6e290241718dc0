"""Every connection: its settings and adapters, and which servers are accepted or refused."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from math import inf, isnan
from time import monotonic
from typing import Final, NamedTuple, Protocol, TypeVar
from uuid import UUID

import psycopg
from psycopg.abc import AdaptContext
from psycopg.adapt import AdaptersMap, Dumper
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from atb_db.config import Settings, redacted
from atb_db.errors import AtbDbError, ConfigurationError, InvalidInput, StatementError
from atb_db.statement import Kind, Statement, declaration_of

R = TypeVar("R")

OLDEST_SERVER: Final = 14
STREAM_CHUNK: Final = 1000 if psycopg.capabilities.has_stream_chunked() else 1
COPY_BLOCK: Final = 1 << 20
"""Bytes of a copied result that are handed on at a time."""
NO_TIMEOUT: Final = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"
BEGIN_SNAPSHOT: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
USUAL_TIMEOUT: Final = """SET LOCAL statement_timeout TO DEFAULT;
SET LOCAL idle_in_transaction_session_timeout TO DEFAULT"""
_PREPARED_STATEMENTS: Final = 1000
_NETWORK: Final = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}

UTC_AND_ISO: Final = "SELECT set_config('timezone', 'UTC', false), set_config('datestyle', 'ISO', false)"
"""What PgBouncer carries from one server connection to the next; the rest must be defaults of the role or database."""
_STRONGER: Final = ("PGTZ", "PGDATESTYLE")
DEFAULTS: Final = "SELECT current_schema(), current_setting('default_transaction_isolation')"
_NEEDED: Final = ("public", "read committed")


class ServerInfo(NamedTuple):
    """The server at the other end of a connection."""

    version: str
    """Such as 16.4."""
    database: str
    user: str
    ssl: bool


class _Inferred(Dumper):
    """Sends a value as text without a type: the server infers the type from the SQL.

    So a statement is prepared once, whatever its arguments' sizes and however many of them are NULL.
    """

    oid = 0

    def dump(self, obj: object) -> bytes:
        return str(obj).encode()


class Adapters:
    """Context of a connection: how Python's values are sent."""

    connection: psycopg.Connection[object] | None = None

    def __init__(self) -> None:
        self.adapters = AdaptersMap(psycopg.adapters)
        for kind in (str, int, bool, Decimal, datetime, UUID):
            self.adapters.register_dumper(kind, _Inferred)


_CONTEXT: Final[AdaptContext] = Adapters()


class ConnectArguments(NamedTuple):
    """How psycopg is to connect."""

    conninfo: str
    """The password included; it is left out of `repr`, which tools that report errors call on what a frame holds."""
    keywords: Mapping[str, object]

    def __repr__(self) -> str:
        return f"ConnectArguments({redacted(self.conninfo)!r})"


def connect_arguments(settings: Settings) -> ConnectArguments:
    """Arguments of `psycopg.connect` for these settings; the session's settings travel in the start-up packet."""
    parts = conninfo_to_dict(settings.conninfo)
    wanted = {
        # Whatever the server, the database or the role have by default. The statements are made for READ COMMITTED.
        "timezone": "UTC",
        "search_path": "public",
        "datestyle": "ISO",
        "default_transaction_isolation": "read\\ committed",
        "statement_timeout": f"{settings.statement_timeout * 1000:.0f}",
        "lock_timeout": f"{settings.lock_timeout * 1000:.0f}",
        "idle_in_transaction_session_timeout": f"{settings.idle_timeout * 1000:.0f}",
        "client_connection_check_interval": "500",
        # Compiling a plan takes longer than running any of these statements.
        "jit": "off",
        # Queries by generic plans use the same indexes (tests/statements/test_plans.py tries both). Left to itself the
        # planner makes another plan for each call whose LIMIT is a parameter, and takes longer than the rows.
        "plan_cache_mode": "force_generic_plan",
    }
    if settings.pgbouncer:
        parts["options"] = ""  # also instead of PGOPTIONS, or it refuses the connection
    else:
        theirs = str(parts.get("options") or os.environ.get("PGOPTIONS") or "")
        parts["options"] = " ".join([theirs, *(f"-c {name}={value}" for name, value in wanted.items())]).strip()
    parts["client_encoding"] = "UTF8"
    # Keepalives notice a dead peer while nothing is sent, the user timeout while something is.
    for name, value in _NETWORK.items():
        parts.setdefault(name, value)
    return ConnectArguments(
        make_conninfo("", **parts),
        {"autocommit": True, "prepare_threshold": None if settings.pgbouncer else 0, "context": _CONTEXT},
    )


def needs_utc(settings: Settings) -> bool:
    """Whether a new connection must be given its time zone: in libpq some variables override the options."""
    return settings.pgbouncer or any(os.environ.get(name) for name in _STRONGER)


def pool_arguments(settings: Settings) -> ConnectArguments:
    """As `connect_arguments`; the server gives up before the caller does, who then knows the outcome."""
    longest = max(settings.deadline or inf, settings.query_deadline or inf)
    return connect_arguments(
        settings._replace(
            statement_timeout=_shorter(settings.statement_timeout, longest),
            lock_timeout=_shorter(settings.lock_timeout, 0.8 * (settings.deadline or inf)),
        )
    )


def _shorter(seconds: float, limit: float) -> float:
    """The shorter time, where 0 is none."""
    shorter = min(seconds or inf, limit)
    return 0 if shorter == inf else shorter


def deadline(settings: Settings, kind: Kind | None, timeout: float | None) -> float:
    """`time.monotonic()` by which a call must be over; of a batch if kind is None."""
    if timeout is None:
        timeout = (settings.deadline if kind is Kind.COMMAND else settings.query_deadline) or inf
    return monotonic() + seconds(timeout)


def seconds(timeout: float) -> float:
    """A `timeout` as it was given.

    Raises:
        InvalidInput: it is NaN, which compares with no moment.
    """
    if isnan(timeout):
        raise InvalidInput("NaN is not a number of seconds", field="timeout")
    return timeout


class _Connection(Protocol):
    @property
    def info(self) -> psycopg.ConnectionInfo: ...

    @property
    def prepared_max(self) -> int | None: ...

    @prepared_max.setter
    def prepared_max(self, value: int | None) -> None: ...


def accept(connection: _Connection) -> ServerInfo:
    """Refuse a server that cannot hold the books, without asking it anything; what it reports about itself.

    Raises:
        ConfigurationError: the server is older than PostgreSQL 14, or the database is not encoded in UTF-8.
    """
    info = connection.info
    version = info.parameter_status("server_version") or ""
    if info.server_version < OLDEST_SERVER * 10000:
        raise ConfigurationError(f"the server is PostgreSQL {version or '?'}; at least {OLDEST_SERVER} is needed")
    if (encoding := info.parameter_status("server_encoding")) != "UTF8":
        raise ConfigurationError(f"the database {info.dbname} is encoded in {encoding}; UTF8 is needed")
    connection.prepared_max = _PREPARED_STATEMENTS
    return ServerInfo(version.split(" ")[0], info.dbname, info.user, info.pgconn.ssl_in_use)


def check_zone(connection: _Connection) -> None:
    """Refuse a session in another time zone than UTC: times are read as UTC.

    Raises:
        ConfigurationError: it is; something between has dropped our settings.
    """
    if (zone := connection.info.parameter_status("TimeZone")) != "UTC":
        raise ConfigurationError(
            f"the session's time zone is {zone}, not UTC: is a pooler between? DATABASE_PGBOUNCER=1"
        )


def check_defaults(row: tuple[object, ...] | None) -> None:
    """Refuse a role or database behind PgBouncer whose defaults are not what the statements are made for.

    Raises:
        ConfigurationError: they are not.
    """
    if row != _NEEDED:
        raise ConfigurationError(
            f"behind PgBouncer the role's defaults must be search_path = public and default_transaction_isolation = "
            f"read committed, and they are {row}: ALTER ROLE … SET"
        )


def runnable(statement: Statement[object]) -> None:
    """Refuse values that have no rows to read: the value of a bulk load, or anything that is not a statement.

    Raises:
        StatementError: it is a row of a bulk load.
        TypeError: it is not a statement.
    """
    if declaration_of(statement).kind is Kind.COPY:
        raise StatementError("is a row of a bulk load: give it to copy_in()", statement=statement.name)


def writing(statement: Statement[object]) -> bool:
    """Whether the statement changes the database."""
    return statement.declaration.kind is not Kind.QUERY


def refuse_stale(statements: Iterable[Statement[object]]) -> None:
    """Refuse to send a write to a replica."""
    for statement in statements:
        if writing(statement):
            raise StatementError("writes, and cannot be stale", statement=statement.name)


def first_unanswered(
    statements: Sequence[Statement[object]],
    cursors: Sequence[psycopg.RawCursor[object] | psycopg.AsyncRawCursor[object]],
) -> Statement[object] | None:
    """The statement of a pipeline that failed: the first that has no result."""
    for statement, cursor in zip(statements, cursors, strict=True):
        if cursor.pgresult is None:
            return statement
    return None


def result(statement: Statement[R], rows: Iterable[object]) -> R:
    """The statement's result from the made rows; an error says which request has none."""
    try:
        return statement.declaration.read(rows)
    except AtbDbError as error:
        error.request_id = statement.request_id
        raise
