"""Rows as they arrive: those of a query, and those of a bulk load."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import TypeVar, cast

from psycopg import RawCursor, Rollback
from psycopg.pq import TransactionStatus

from atb_db.database.bulk import BulkRows, as_copy
from atb_db.database.connecting import NO_TIMEOUT, STREAM_CHUNK, USUAL_TIMEOUT, runnable
from atb_db.database.connections import Connection
from atb_db.database.translation import translated
from atb_db.statement import Statement

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


def copy_in(connection: Connection, rows: Iterable[Statement[None]]) -> int:
    """Load rows in bulk; how many."""
    bulk = BulkRows(rows)
    loaded = _copy_rows(connection, bulk)
    if loaded:
        with translated(bulk.declaration, writes=False):
            RawCursor(connection).execute(bulk.REFUSE_ENDED, [bulk.sessions], prepare=False)
    return loaded


def _copy_rows(connection: Connection, rows: Iterable[Statement[None]]) -> int:
    cursor = RawCursor(connection)
    with translated(writes=False), _unhurried(connection):  # the first row, too, may be long in coming
        copy_of_rows = as_copy(rows)
        if copy_of_rows is None:
            return 0
        declaration, blocks = copy_of_rows
        with (
            translated(declaration, writes=False),
            cursor.copy(declaration.sql) as copy,
            connection.interruptible(),
            connection.read_by(declaration.name),
        ):
            for block in blocks:
                copy.write(block)
    return cursor.rowcount


@contextmanager
def _unhurried(connection: Connection) -> Iterator[None]:
    """A savepoint in which one statement may take as long as its rows do."""
    with connection.transaction() as block:
        connection.execute(NO_TIMEOUT, prepare=False)
        yield
        if connection.info.transaction_status == TransactionStatus.INERROR:
            raise Rollback(block)  # the reader of the rows stopped early, which cancelled the statement
        connection.execute(USUAL_TIMEOUT, prepare=False)
