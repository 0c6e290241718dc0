"""A transaction that is under way, its savepoints, and how each of them ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from math import inf
from typing import TypeVar

from psycopg.pq import TransactionStatus

from atb_db.batch import Batch
from atb_db.config import Settings
from atb_db.database.aio.running import run, run_many
from atb_db.database.aio.streams import copy_in, stream
from atb_db.database.bulk import AnyRows
from atb_db.database.connecting import deadline, runnable
from atb_db.database.connections import AsyncConnection
from atb_db.database.retry import Requests
from atb_db.database.translation import DRIVER_ERRORS, check_replicated, translated
from atb_db.errors import AtbDbError, StatementError, TransactionAborted
from atb_db.statement import Kind, Statement

R = TypeVar("R")
T = TypeVar("T")


class AsyncTransaction:
    """A transaction that is under way; it belongs to the task that began it."""

    def __init__(
        self, connection: AsyncConnection, settings: Settings, until: float = inf, requests: Requests | None = None
    ) -> None:
        self._open: AsyncConnection | None = connection
        self._settings = settings
        self._until = until
        self._requests = requests

    @property
    def _connection(self) -> AsyncConnection:
        if self._open is None:
            raise StatementError("the transaction is over")
        return self._open

    async def _ready(self, statements: Iterable[Statement[object]], until: float, name: str) -> AsyncConnection:
        connection = self._connection
        connection.refuse_while_streaming(name)
        until = min(self._until, until)
        with translated():
            await connection.turn(until if until < inf else self._usual())
        if self._requests is not None:
            for statement in statements:
                self._requests.send(statement)
        connection.until = until
        return connection

    def _usual(self) -> float:
        return deadline(self._settings, Kind.COMMAND, None)

    def _end(self) -> None:
        # The connection is somebody else's from now on.
        self._open = None

    async def run(self, statement: Statement[R], *, timeout: float | None = None) -> R:
        """As `Transaction.run`."""
        runnable(statement)
        until = deadline(self._settings, statement.declaration.kind, timeout)
        return await run(await self._ready([statement], until, statement.name), statement, alone=False)

    async def run_many(self, statements: Iterable[Statement[R]], *, timeout: float | None = None) -> list[R]:
        """As `Transaction.run_many`."""
        sent = list(statements)
        connection = await self._ready(sent, deadline(self._settings, None, timeout), "run_many")
        return await run_many(connection, sent, alone=False)

    async def run_batch(self, batch: Batch[R], *, timeout: float | None = None) -> R:
        """As `Transaction.run_batch`."""
        return batch.assemble(await self.run_many(batch.statements, timeout=timeout))

    @asynccontextmanager
    async def stream(self, statement: Statement[list[T]]) -> AsyncIterator[AsyncIterator[T]]:
        """As `Transaction.stream`."""
        async with stream(await self._ready([], inf, statement.name), statement) as rows:
            yield rows

    async def copy_in(self, rows: AnyRows) -> int:
        """As `Transaction.copy_in`."""
        return await copy_in(await self._ready([], inf, "a bulk load"), rows)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncTransaction]:
        """As `Transaction.transaction`."""
        connection = await self._ready([], self._usual(), "a savepoint")
        async with (
            begun(connection),
            in_transaction(connection, self._settings, self._until, self._requests) as transaction,
        ):
            yield transaction


@asynccontextmanager
async def begun(connection: AsyncConnection) -> AsyncIterator[None]:
    """A transaction or savepoint. Lost at its beginning, it has not happened; at its COMMIT, nobody knows.

    An exception of the block takes precedence over one of its ROLLBACK: without a COMMIT nothing is stored.
    """
    raised: Exception | None = None
    try:
        async with AsyncExitStack() as stack:
            stack.enter_context(translated(writes=True))
            with translated():
                await stack.enter_async_context(connection.transaction())
            with connection.interruptible():
                try:
                    yield
                except Exception as error:
                    raised = error
                    raise
    except AtbDbError:
        if raised is None or isinstance(raised, DRIVER_ERRORS):
            raise
        raise raised from None
    finally:
        del raised
    check_replicated(connection)


@asynccontextmanager
async def in_transaction(
    connection: AsyncConnection, settings: Settings, until: float, requests: Requests | None = None
) -> AsyncIterator[AsyncTransaction]:
    """As for threads."""
    transaction = AsyncTransaction(connection, settings, until, requests)
    try:
        yield transaction
    finally:
        transaction._end()  # noqa: SLF001  of this module
        connection.until = min(until, deadline(settings, Kind.COMMAND, None))
        if connection.streaming is not None:
            connection.abandon()  # until its rows are read, neither COMMIT nor ROLLBACK can be sent
    connection.refuse_while_streaming("the end of the transaction")
    # psycopg would commit, the server would roll back, or be gone, without an error.
    if connection.info.transaction_status != TransactionStatus.INTRANS:
        raise TransactionAborted
