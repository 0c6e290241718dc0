"""Rows as they arrive: those of a query, and those of a bulk load."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import TypeVar, cast

from psycopg import RawCursor, Rollback
from psycopg.pq import TransactionStatus

from atb_db.database.bulk import AnyRows, BulkLoad
from atb_db.database.connecting import COPY_BLOCK, NO_TIMEOUT, STREAM_CHUNK, USUAL_TIMEOUT, runnable
from atb_db.database.connections import Connection
from atb_db.database.copying import take_lines
from atb_db.database.translation import translated
from atb_db.statement import Declared, Statement

T = TypeVar("T")


@contextmanager
def stream(connection: Connection, statement: Statement[list[T]]) -> Iterator[Iterator[T]]:
    """The rows of a query as they arrive, for the block."""
    runnable(statement)
    reader = statement.declaration.reader
    cursor = RawCursor(connection, row_factory=reader.row_factory)
    with translated(statement.declaration, writes=False), _unhurried(connection):
        rows = cursor.stream(statement.declaration.sql, statement.server_values(), size=STREAM_CHUNK)
        with closing(cast("Generator[object]", rows)), connection.interruptible(), connection.read_by(statement.name):
            yield cast("Iterator[T]", reader.assemble(rows))


def copy_in(connection: Connection, rows: AnyRows) -> int:
    """Load rows in bulk; how many."""
    cursor = RawCursor(connection)
    with translated(writes=False), _unhurried(connection):  # the first row, too, may be long in coming
        load = BulkLoad.of(rows)
        if load is None:
            return 0
        with (
            translated(load.declaration, writes=False),
            cursor.copy(load.declaration.sql) as copy,
            connection.interruptible(),
            connection.read_by(load.declaration.name),
        ):
            for block in load.blocks():
                copy.write(block)
    loaded = cursor.rowcount
    if loaded:
        with translated(load.declaration, writes=False):
            RawCursor(connection).execute(load.REFUSE_ENDED, [load.sessions], prepare=False)
    return loaded


@contextmanager
def copy_out(
    connection: Connection, text: bytes, declaration: Declared[object] | None
) -> Iterator[Iterator[bytearray]]:
    """What a `COPY … TO STDOUT` sends, for the block: whole lines, some at a time."""
    cursor = RawCursor(connection)
    with (
        translated(declaration, writes=False),
        _unhurried(connection),
        cursor.copy(text),
        closing(_blocks(connection)) as blocks,
        connection.interruptible(),
        connection.read_by("frame"),
    ):
        yield blocks
        if connection.info.transaction_status == TransactionStatus.ACTIVE:
            raise Rollback  # the reader stopped early: the COPY is cancelled


def _blocks(connection: Connection) -> Generator[bytearray]:
    block = bytearray()
    while connection.wait(take_lines(connection.pgconn, block)):
        if len(block) >= COPY_BLOCK:
            yield block
            block = bytearray()
    if block:
        yield block


def described(connection: Connection, text: str) -> list[tuple[str, int]]:
    """The names of a query's columns and the server's numbers of their types."""
    with translated(writes=False):
        cursor = RawCursor(connection).execute(f"{text} LIMIT 0".encode())
        return [(column.name, column.type_code) for column in cursor.description or ()]


@contextmanager
def _unhurried(connection: Connection) -> Iterator[None]:
    """A savepoint in which one statement may take as long as its rows do."""
    with connection.transaction() as block:
        connection.execute(NO_TIMEOUT, prepare=False)
        yield
        if connection.info.transaction_status == TransactionStatus.INERROR:
            raise Rollback(block)  # the reader of the rows stopped early, which cancelled the statement
        connection.execute(USUAL_TIMEOUT, prepare=False)
