"""Rows as they arrive: those of a query, and those of a bulk load."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import TypeVar, cast

from psycopg import AsyncRawCursor, Rollback
from psycopg.pq import TransactionStatus

from atb_db.database.bulk import AnyRows, BulkLoad
from atb_db.database.connecting import COPY_BLOCK, NO_TIMEOUT, STREAM_CHUNK, USUAL_TIMEOUT, runnable
from atb_db.database.connections import AsyncConnection
from atb_db.database.copying import take_lines
from atb_db.database.translation import translated
from atb_db.statement import Declared, Statement

T = TypeVar("T")


@asynccontextmanager
async def stream(connection: AsyncConnection, statement: Statement[list[T]]) -> AsyncIterator[AsyncIterator[T]]:
    """As for threads."""
    runnable(statement)
    reader = statement.declaration.reader
    cursor = AsyncRawCursor(connection, row_factory=reader.row_factory)
    with translated(statement.declaration, writes=False):
        async with _unhurried(connection):
            rows = cursor.stream(statement.declaration.sql, statement.server_values(), size=STREAM_CHUNK)
            async with aclosing(cast("AsyncGenerator[object]", rows)):
                with connection.interruptible(), connection.read_by(statement.name):
                    yield cast("AsyncIterator[T]", reader.assemble_async(rows))


async def copy_in(connection: AsyncConnection, rows: AnyRows) -> int:
    """As for threads."""
    cursor = AsyncRawCursor(connection)
    with translated(writes=False):
        async with _unhurried(connection):  # the first row, too, may be long in coming
            load = BulkLoad.of(rows)
            if load is None:
                return 0
            with translated(load.declaration, writes=False):
                async with cursor.copy(load.declaration.sql) as copy:
                    with connection.interruptible(), connection.read_by(load.declaration.name):
                        for block in load.blocks():
                            await copy.write(block)
    loaded = cursor.rowcount
    if loaded:
        with translated(load.declaration, writes=False):
            await AsyncRawCursor(connection).execute(load.REFUSE_ENDED, [load.sessions], prepare=False)
    return loaded


@asynccontextmanager
async def copy_out(
    connection: AsyncConnection, text: bytes, declaration: Declared[object] | None
) -> AsyncIterator[AsyncIterator[bytearray]]:
    """As for threads."""
    cursor = AsyncRawCursor(connection)
    with translated(declaration, writes=False):
        async with _unhurried(connection), cursor.copy(text), aclosing(_blocks(connection)) as blocks:
            with connection.interruptible(), connection.read_by("frame"):
                yield blocks
                if connection.info.transaction_status == TransactionStatus.ACTIVE:
                    raise Rollback


async def _blocks(connection: AsyncConnection) -> AsyncGenerator[bytearray]:
    block = bytearray()
    while await connection.wait(take_lines(connection.pgconn, block)):
        if len(block) >= COPY_BLOCK:
            yield block
            block = bytearray()
    if block:
        yield block


async def described(connection: AsyncConnection, text: str) -> list[tuple[str, int]]:
    """As for threads."""
    with translated(writes=False):
        cursor = await AsyncRawCursor(connection).execute(f"{text} LIMIT 0".encode())
        return [(column.name, column.type_code) for column in cursor.description or ()]


@asynccontextmanager
async def _unhurried(connection: AsyncConnection) -> AsyncIterator[None]:
    """A savepoint in which one statement may take as long as its rows do."""
    async with connection.transaction() as block:
        await connection.execute(NO_TIMEOUT, prepare=False)
        yield
        if connection.info.transaction_status == TransactionStatus.INERROR:
            raise Rollback(block)  # the reader of the rows stopped early, which cancelled the statement
        await connection.execute(USUAL_TIMEOUT, prepare=False)
