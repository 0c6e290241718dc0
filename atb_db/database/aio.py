"""`AsyncDatabase`: the same statements on a pool of connections for asyncio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from itertools import chain
from types import TracebackType
from typing import Self, TypeVar, cast

from psycopg import AsyncConnection, AsyncRawCursor, Rollback
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool

from atb_db.batch import Batch
from atb_db.config import Settings
from atb_db.database.faults import translated
from atb_db.database.session import (
    BEGIN_SNAPSHOT,
    NO_TIMEOUT,
    STREAM_CHUNK,
    USUAL_TIMEOUT,
    PoolStatistics,
    ServerInfo,
    accept,
    connect_arguments,
    first_unanswered,
    loader,
    pool_statistics,
    runnable,
    writing,
)
from atb_db.errors import StatementError, TransactionAborted
from atb_db.statement import Statement

R = TypeVar("R")
T = TypeVar("T")
_Connection = AsyncConnection[tuple[object, ...]]


class AsyncDatabase:
    """A pool of connections to one database for the tasks of one event loop; otherwise as `Database`.

    async with AsyncDatabase.from_env() as db:
        balance = await db.run(account.get_current_balance(session_id=42))
    """

    def __init__(self, settings: Settings | str) -> None:
        self.settings = Settings.load(settings) if isinstance(settings, str) else settings
        self._arguments = connect_arguments(self.settings)
        self._pool = AsyncConnectionPool[_Connection](
            self._arguments.conninfo,
            kwargs=dict(self._arguments.keywords),
            min_size=self.settings.pool_min,
            max_size=self.settings.pool_max,
            timeout=self.settings.pool_timeout,
            configure=_configure,
            open=False,
        )
        self._opening = asyncio.Lock()
        self._server: ServerInfo | None = None

    @classmethod
    def from_env(
        cls,
        url: str | None = None,
        *,
        application_name: str | None = None,
        pool_min: int | None = None,
        pool_max: int | None = None,
    ) -> Self:
        """As `Database.from_env`."""
        return cls(Settings.load(url, application_name=application_name, pool_min=pool_min, pool_max=pool_max))

    async def open(self) -> ServerInfo:
        """As `Database.open`."""
        async with self._opening:
            if self._server is None:
                with translated():
                    async with await AsyncConnection.connect(self._arguments.conninfo) as connection:
                        self._server = accept(connection)
                await self._pool.open()
            return self._server

    async def close(self) -> None:
        """Close every connection; the database cannot be used any more."""
        await self._pool.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[_Connection]:
        if self._server is None:
            await self.open()
        with translated():
            connection = await self._pool.getconn()
        try:
            yield connection
        finally:
            await self._pool.putconn(connection)

    async def run(self, statement: Statement[R]) -> R:
        """As `Database.run`."""
        async with self._connection() as connection:
            return await _run(connection, statement)

    async def run_many(self, statements: Iterable[Statement[R]]) -> list[R]:
        """As `Database.run_many`."""
        async with self._connection() as connection:
            return await _run_many(connection, statements)

    async def run_batch(self, batch: Batch[R]) -> R:
        """As `Database.run_batch`."""
        async with self._connection() as connection:
            return batch.assemble(await _run_many(connection, batch.statements, snapshot=True))

    @asynccontextmanager
    async def stream(self, statement: Statement[list[T]]) -> AsyncIterator[AsyncIterator[T]]:
        """As `Database.stream`, with `async with` and `async for`."""
        async with self._connection() as connection, _stream(connection, statement) as rows:
            yield rows

    async def copy_in(self, rows: Iterable[Statement[None]]) -> int:
        """As `Database.copy_in`."""
        async with self._connection() as connection:
            return await _copy_in(connection, rows)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncTransaction]:
        """As `Database.transaction`."""
        async with self._connection() as connection, _transaction(connection) as transaction:
            yield transaction

    async def ping(self) -> float:
        """Seconds that a round trip to the server takes."""
        async with self._connection() as connection:
            with translated():
                start = time.perf_counter()
                await connection.execute("SELECT 1")
                return time.perf_counter() - start

    def statistics(self) -> PoolStatistics:
        """The pool at this moment."""
        return pool_statistics(self._pool.get_stats(), self.settings)


class AsyncTransaction:
    """A transaction that is under way; it belongs to the task that began it."""

    def __init__(self, connection: _Connection) -> None:
        self._open: _Connection | None = connection

    @property
    def _connection(self) -> _Connection:
        if self._open is None:
            raise StatementError("the transaction is over")
        return self._open

    def _end(self) -> None:
        # The connection is somebody else's from now on.
        self._open = None

    async def run(self, statement: Statement[R]) -> R:
        """As `Transaction.run`."""
        return await _run(self._connection, statement)

    async def run_many(self, statements: Iterable[Statement[R]]) -> list[R]:
        """As `Transaction.run_many`."""
        return await _run_many(self._connection, statements)

    async def run_batch(self, batch: Batch[R]) -> R:
        """As `Transaction.run_batch`."""
        return batch.assemble(await _run_many(self._connection, batch.statements))

    @asynccontextmanager
    async def stream(self, statement: Statement[list[T]]) -> AsyncIterator[AsyncIterator[T]]:
        """As `Transaction.stream`."""
        async with _stream(self._connection, statement) as rows:
            yield rows

    async def copy_in(self, rows: Iterable[Statement[None]]) -> int:
        """As `Transaction.copy_in`."""
        return await _copy_in(self._connection, rows)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncTransaction]:
        """As `Transaction.transaction`."""
        async with _transaction(self._connection) as transaction:
            yield transaction


async def _configure(connection: _Connection) -> None:
    accept(connection)


async def _run(connection: _Connection, statement: Statement[R]) -> R:
    runnable(statement)
    declaration = statement.declaration
    with translated(declaration):
        cursor = AsyncRawCursor(connection, row_factory=declaration.reader.row_factory)
        await cursor.execute(statement.declaration.sql, statement.server_values())
        rows = await cursor.fetchall() if cursor.description else []
    return declaration.read(rows)


async def _run_many(connection: _Connection, statements: Iterable[Statement[R]], *, snapshot: bool = False) -> list[R]:
    sent = list(statements)
    for statement in sent:
        runnable(statement)
    cursors = [AsyncRawCursor(connection, row_factory=statement.declaration.reader.row_factory) for statement in sent]
    try:
        async with connection.pipeline():
            if snapshot:
                await connection.execute(BEGIN_SNAPSHOT)
            for cursor, statement in zip(cursors, sent, strict=True):
                await cursor.execute(statement.declaration.sql, statement.server_values())
            if snapshot:
                await connection.execute("COMMIT")
    except Exception:
        if snapshot and not connection.closed:
            await connection.rollback()
        with translated(first_unanswered(sent, cursors), writes=any(map(writing, sent))):
            raise
    return [
        statement.declaration.read(await cursor.fetchall() if cursor.description else [])
        for cursor, statement in zip(cursors, sent, strict=True)
    ]


@asynccontextmanager
async def _stream(connection: _Connection, statement: Statement[list[T]]) -> AsyncIterator[AsyncIterator[T]]:
    runnable(statement)
    reader = statement.declaration.reader
    cursor = AsyncRawCursor(connection, row_factory=reader.row_factory)
    with translated(statement.declaration):
        async with _unhurried(connection):
            rows = cursor.stream(statement.declaration.sql, statement.server_values(), size=STREAM_CHUNK)
            async with aclosing(cast("AsyncGenerator[object]", rows)):
                yield cast("AsyncIterator[T]", reader.assemble_async(rows))


async def _copy_in(connection: _Connection, rows: Iterable[Statement[None]]) -> int:
    iterator = iter(rows)
    first = next(iterator, None)
    if first is None:
        return 0
    values = loader(first)
    cursor = AsyncRawCursor(connection)
    with translated(first.declaration):
        async with _unhurried(connection), cursor.copy(first.declaration.sql) as copy:
            for row in chain([first], iterator):
                await copy.write_row(values(row))
    return cursor.rowcount


@asynccontextmanager
async def _unhurried(connection: _Connection) -> AsyncIterator[None]:
    """A transaction or savepoint in which one statement may take as long as its rows do."""
    async with connection.transaction() as block:
        await connection.execute(NO_TIMEOUT)
        yield
        if connection.info.transaction_status == TransactionStatus.INERROR:
            raise Rollback(block)  # whoever read the rows stopped early, which cancelled the statement
        await connection.execute(USUAL_TIMEOUT)


@asynccontextmanager
async def _transaction(connection: _Connection) -> AsyncIterator[AsyncTransaction]:
    async with AsyncExitStack() as stack:
        # Lost at its beginning, a transaction has not happened; at its COMMIT, nobody knows.
        stack.enter_context(translated(writes=True))
        with translated():
            await stack.enter_async_context(connection.transaction())
        transaction = AsyncTransaction(connection)
        try:
            yield transaction
        finally:
            transaction._end()  # noqa: SLF001  of this module
        # psycopg would commit, the server would roll back, and nobody would be told.
        if connection.info.transaction_status == TransactionStatus.INERROR:
            raise TransactionAborted
