"""Connections of the admin commands: one that only reads, one that writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final, NamedTuple, TypeAlias, TypeVar, cast, overload

import psycopg
from psycopg import IsolationLevel, RawCursor, sql
from psycopg.rows import class_row, tuple_row

from atb_db.config import Settings
from atb_db.database.connecting import UTC_AND_ISO, Adapters, ServerInfo, accept, connect_arguments
from atb_db.database.translation import translated
from atb_db.sqlfile import sql_root
from atb_db.statement import Statement

R = TypeVar("R")
T = TypeVar("T")

# How names and constants are shown depends on these; PGTZ and PGDATESTYLE take precedence over a connection's options.
CATALOG_SETTINGS: Final = "SET search_path TO public; SET timezone TO 'UTC'; SET datestyle TO 'ISO'"

Connection: TypeAlias = psycopg.Connection[tuple[object, ...]]


class Reading(NamedTuple):
    """A transaction, and the server that it is on."""

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
        connection.execute(CATALOG_SETTINGS)
        yield Reading(connection, server)


@contextmanager
def reading_beside(first: Connection, settings: Settings, *, more: int) -> Iterator[Sequence[Connection]]:
    """The first one, which `reading` gave, and so many more connections whose transactions see what it sees.

    Raises:
        Unavailable: the server cannot be reached, or has no connection left.
    """
    with ExitStack() as stack:
        others = [stack.enter_context(reading(settings)).connection for _ in range(more)]
        if others:
            [(snapshot,)] = first.execute("SELECT pg_export_snapshot()")
            for other in others:
                other.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot)))
        yield (first, *others)


@contextmanager
def writing(settings: Settings) -> Iterator[Reading]:
    """Connect and write, in one transaction that is committed at the end of the block; statements take their time.

    Raises:
        Unavailable: the server cannot be reached or refuses the credentials.
        ConfigurationError: the server is too old, or the database is not encoded in UTF-8.
        Timeout: somebody else held a lock for longer than `settings.lock_timeout`.
    """
    arguments = connect_arguments(settings._replace(statement_timeout=0))
    with translated(), psycopg.connect(arguments.conninfo, autocommit=True, context=Adapters()) as connection:
        server = accept(connection)
        connection.execute(UTC_AND_ISO)
        with translated(writes=True), connection.transaction():
            yield Reading(connection, server)


@contextmanager
def changing(settings: Settings) -> Iterator[Reading]:
    """Connect and change, each statement a transaction of its own that takes its time; names are those of `public`.

    Raises:
        Unavailable: the server cannot be reached or refuses the credentials.
        ConfigurationError: the server is too old, or the database is not encoded in UTF-8.
    """
    arguments = connect_arguments(settings._replace(statement_timeout=0))
    with translated(), psycopg.connect(arguments.conninfo, autocommit=True) as connection:
        server = accept(connection)
        connection.execute(CATALOG_SETTINGS)
        yield Reading(connection, server)


@contextmanager
def as_login(connection: Connection) -> Iterator[None]:
    """Ask as the login itself: one that works as its group is not shown its own session by the group's rights.

    Nothing of it stays in the session, which a pooler may give to somebody else.
    """
    with connection.transaction():
        role = connection.execute("SELECT current_setting('role')").fetchone()
        connection.execute("SET LOCAL ROLE NONE")
        yield
        connection.execute("SELECT set_config('role', %s, TRUE)", role)


@overload
def ask(connection: Connection, question: str, *, values: Sequence[object] = ()) -> list[tuple[object, ...]]: ...
@overload
def ask(connection: Connection, question: str, row: type[T], *, values: Sequence[object] = ()) -> list[T]: ...
def ask(
    connection: Connection, question: str, row: type[T] | None = None, *, values: Sequence[object] = ()
) -> list[T] | list[tuple[object, ...]]:
    """What sql/catalog/`question`.sql answers: tuples, or a `row` made of each by the names of its columns.

    `values` are those of $1, $2 … in it. A statement that returns no rows answers with none.
    """
    text = (sql_root() / "catalog" / f"{question}.sql").read_bytes()
    if row is None:
        return _answers(RawCursor(connection, row_factory=tuple_row), text, values)
    return _answers(RawCursor(connection, row_factory=class_row(row)), text, values)


class Answers:
    """What several questions answered that were asked in one round trip, in their order; `of` reads the next."""

    def __init__(self, cursor: RawCursor[tuple[object, ...]]) -> None:
        self._cursor = cursor

    def of(self, row: type[T]) -> list[T]:
        """The next answer, a `row` made of each by the names of its columns."""
        cursor = cast("RawCursor[T]", self._cursor)
        cursor.row_factory = class_row(row)
        found = cursor.fetchall()
        cursor.nextset()
        return found


def ask_together(connection: Connection, *questions: str) -> Answers:
    """Ask sql/catalog/`question`.sql of each in one round trip; none of them may have parameters."""
    texts = [(sql_root() / "catalog" / f"{question}.sql").read_bytes() for question in questions]
    cursor = RawCursor(connection, row_factory=tuple_row)
    # Without arguments it is libpq's simple protocol, which takes several statements.
    cursor.execute(b";\n".join(texts))
    return Answers(cursor)


def _answers(cursor: RawCursor[T], text: bytes, values: Sequence[object]) -> list[T]:
    cursor.execute(text, values or None)
    return cursor.fetchall() if cursor.description else []


def perform(connection: Connection, statement: Statement[R]) -> R:
    """Run a statement of the repository on the connection, in the transaction that is under way there."""
    declaration = statement.declaration
    with translated(declaration):
        cursor = psycopg.RawCursor(connection, row_factory=declaration.reader.row_factory)
        cursor.execute(declaration.sql, statement.server_values())
        rows = cursor.fetchall() if cursor.description else []
    return declaration.read(rows)
