"""`AsyncDatabase`: the same statements on a pool of connections for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from math import inf
from time import monotonic, perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Literal, NoReturn, Self, TypeVar, overload

from atb_db.batch import Batch
from atb_db.config import Settings
from atb_db.database.aio.connector import connector
from atb_db.database.aio.frames import frame, frames
from atb_db.database.aio.pool import AsyncPool
from atb_db.database.aio.replica import Replica
from atb_db.database.aio.running import run, run_many
from atb_db.database.aio.streams import copy_in, stream
from atb_db.database.aio.transaction import AsyncTransaction, begun, in_transaction
from atb_db.database.bulk import AnyRows
from atb_db.database.connecting import ServerInfo, accept, deadline, refuse_stale, runnable, seconds
from atb_db.database.connections import AsyncConnection
from atb_db.database.forking import renew_in_children
from atb_db.database.health import QUESTIONS, Health, JournalDepth, healthy, unhealthy
from atb_db.database.observing import Counting, Metrics, Observer, PoolStatistics, observers
from atb_db.database.replica import is_on_primary, primary
from atb_db.database.retry import Attempts, OnRetry, Requests, is_disconnection
from atb_db.database.translation import translated
from atb_db.errors import AtbDbError
from atb_db.frames.planning import As, Money
from atb_db.repository.server import get_server_state
from atb_db.statement import Kind, Statement
from atb_db.variables import Secret, hidden

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

R = TypeVar("R")
T = TypeVar("T")

_REPLICA_PATIENCE = 1.0


class AsyncDatabase:
    """A pool of connections to one database, for the tasks of one event loop.

    It opens on first use or on entering `async with`, and closes on leaving it. Every statement that is not in a
    `transaction()` is a transaction of its own and one round trip.

        async with AsyncDatabase.from_env() as db:
            balance = await db.run(account.get_current_balance(session_id=42))

    Every call ends by its deadline: the settings', or the `timeout` that it is given, in seconds. Until then a
    statement whose connection is lost is run again, on another one; `on_retry` is called each time.
    An `observer` hears of every round trip (docs/operations.md#metrics-of-an-engine).
    """

    def __init__(
        self, settings: Settings | str, *, on_retry: OnRetry | None = None, observer: Observer | None = None
    ) -> None:
        settings = Secret(settings) if isinstance(settings, str) else settings
        self.settings = Settings.load(settings) if isinstance(settings, str) else settings
        self._counting = Counting() if self.settings.metrics else None
        self._since = datetime.now(UTC)
        observer, self._on_retry = observers(self._counting, observer, on_retry)
        self._pool = AsyncPool(self.settings, connector(self.settings, observer))
        self._replica = Replica(self.settings, observer) if self.settings.replica_conninfo is not None else None
        self._journal_depth: Callable[[], JournalDepth] | None = None
        self._renew()
        renew_in_children(self, AsyncDatabase._renew)

    def _renew(self) -> None:
        """As `Database._renew`."""
        self._opening = asyncio.Lock()
        self._server: ServerInfo | None = None

    def __reduce__(self) -> NoReturn:
        raise TypeError("a AsyncDatabase cannot be sent to another process: make one there, of its settings")

    @classmethod
    def from_env(
        cls,
        url: str | None = None,
        *,
        application_name: str | None = None,
        pool_min: int | None = None,
        pool_max: int | None = None,
        on_retry: OnRetry | None = None,
        observer: Observer | None = None,
    ) -> Self:
        """As `Database.from_env`."""
        url = hidden(url)
        settings = Settings.load(url, application_name=application_name, pool_min=pool_min, pool_max=pool_max)
        return cls(settings, on_retry=on_retry, observer=observer)

    async def open(self) -> ServerInfo:
        """As `Database.open`."""
        async with self._opening:
            if self._server is None:
                first = await self._pool.open(self._until(None, None))
                self._server = accept(first)
                await first.close()
            return self._server

    async def close(self) -> None:
        """As `Database.close`."""
        await self._pool.close()
        if self._replica is not None:
            await self._replica.pool.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def run(self, statement: Statement[R], *, timeout: float | None = None, stale_ok: bool = False) -> R:
        """As `Database.run`."""
        runnable(statement)
        until = self._until(statement.declaration.kind, timeout)
        if stale_ok:
            refuse_stale([statement])
            return await self._read(until, statement, lambda connection: run(connection, statement))
        return await self._tried(until, statement, lambda connection: run(connection, statement))

    async def run_many(self, statements: Iterable[Statement[R]], *, timeout: float | None = None) -> list[R]:
        """As `Database.run_many`."""
        sent = list(statements)
        until = self._until(None, timeout)
        return await self._tried(until, None, lambda connection: run_many(connection, sent))

    async def run_batch(self, batch: Batch[R], *, timeout: float | None = None, stale_ok: bool = False) -> R:
        """As `Database.run_batch`."""
        ask = self._read if stale_ok else self._tried
        if stale_ok:
            refuse_stale(batch.statements)
        until = self._until(None, timeout)
        answers = await ask(until, None, lambda connection: run_many(connection, batch.statements, snapshot=True))
        return batch.assemble(answers)

    @asynccontextmanager
    async def stream(
        self, statement: Statement[list[T]], *, timeout: float | None = None
    ) -> AsyncIterator[AsyncIterator[T]]:
        """As `Database.stream`."""
        async with self._begun(inf, stall=self._stall(timeout)) as connection, stream(connection, statement) as rows:
            yield rows

    @overload
    async def frame(
        self, query: Statement[object] | str, *, money: Money = ..., timeout: float | None = ...
    ) -> pa.Table: ...
    @overload
    async def frame(
        self, query: Statement[object] | str, *, as_: Literal["arrow"], money: Money = ..., timeout: float | None = ...
    ) -> pa.Table: ...
    @overload
    async def frame(
        self, query: Statement[object] | str, *, as_: Literal["polars"], money: Money = ..., timeout: float | None = ...
    ) -> pl.DataFrame: ...
    @overload
    async def frame(
        self, query: Statement[object] | str, *, as_: Literal["pandas"], money: Money = ..., timeout: float | None = ...
    ) -> pd.DataFrame: ...
    async def frame(
        self,
        query: Statement[object] | str,
        *,
        as_: As = "arrow",
        money: Money = "decimal128",
        timeout: float | None = None,
    ) -> pa.Table | pl.DataFrame | pd.DataFrame:
        """As `Database.frame`."""
        async with self._begun(inf, stall=self._stall(timeout)) as connection:
            return await frame(connection, query, as_, money)

    @asynccontextmanager
    async def frames(
        self, query: Statement[object] | str, *, money: Money = "decimal128", timeout: float | None = None
    ) -> AsyncIterator[AsyncIterator[pa.Table]]:
        """As `Database.frames`."""
        async with (
            self._begun(inf, stall=self._stall(timeout)) as connection,
            frames(connection, query, money) as tables,
        ):
            yield tables

    async def copy_in(self, rows: AnyRows, *, timeout: float | None = None) -> int:
        """As `Database.copy_in`."""
        async with self._begun(inf, stall=self._stall(timeout)) as connection:
            return await copy_in(connection, rows)

    @asynccontextmanager
    async def transaction(self, *, timeout: float | None = None) -> AsyncIterator[AsyncTransaction]:
        """As `Database.transaction`."""
        until = inf if timeout is None else monotonic() + seconds(timeout)
        async with self._begun(until) as connection, in_transaction(connection, self.settings, until) as transaction:
            yield transaction

    async def retrying(
        self, function: Callable[[AsyncTransaction], Awaitable[R]], *, timeout: float | None = None
    ) -> R:
        """As `Database.retrying`."""
        until = self._until(Kind.COMMAND, timeout)
        attempts = Attempts(until, None, self._on_retry)
        requests = Requests()
        while True:
            try:
                async with (
                    self._pool.connection(until) as connection,
                    begun(connection),
                    in_transaction(connection, self.settings, until, requests) as transaction,
                ):
                    return await function(transaction)
            except AtbDbError as error:
                requests.repeat(error)
                await self._pause(attempts, error)

    def primary(self) -> AbstractContextManager[None]:
        """As `Database.primary`."""
        return primary()

    async def health(self, *, timeout: float = 1.0) -> Health:
        """As `Database.health`."""
        lag = self._replica.freshness.lag(monotonic()) if self._replica is not None else None
        depth = self._journal_depth() if self._journal_depth is not None else None
        until = monotonic() + seconds(timeout)
        try:
            async with self._pool.connection(until) as connection:
                start = perf_counter()
                answers = await run_many(connection, QUESTIONS)
                return healthy(answers, perf_counter() - start, lag, self.statistics(), depth)
        except AtbDbError as error:
            await self._suspect(error)
            return unhealthy(error, lag, self.statistics(), depth)

    def attach_journal(self, depth: Callable[[], JournalDepth] | None) -> None:
        """As `Database.attach_journal`."""
        self._journal_depth = depth

    async def ping(self) -> float:
        """As `Database.ping`."""
        async with self._pool.connection(self._until(Kind.COMMAND, None)) as connection:
            with translated():
                start = perf_counter()
                await connection.execute("SELECT 1", prepare=False)
                return perf_counter() - start

    def statistics(self) -> PoolStatistics:
        """As `Database.statistics`."""
        return self._pool.statistics()

    def metrics(self) -> Metrics:
        """Counts so far: the pool and, with DATABASE_METRICS=1, statements, errors and retries."""
        pool = self.statistics()
        return Metrics(self._since, pool) if self._counting is None else self._counting.metrics(pool)

    def _until(self, kind: Kind | None, timeout: float | None) -> float:
        return deadline(self.settings, kind, timeout)

    def _stall(self, timeout: float | None) -> float:
        return seconds(timeout) if timeout is not None else self.settings.query_deadline or inf

    async def _suspect(self, error: AtbDbError) -> None:
        if is_disconnection(error):
            await self._pool.drain()

    async def _pause(self, attempts: Attempts, error: AtbDbError) -> None:
        """Wait until the next attempt, or raise the error."""
        await self._suspect(error)
        await asyncio.sleep(attempts.again(error))

    @asynccontextmanager
    async def _begun(self, until: float, *, stall: float = inf) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction; beginning it is tried again, for nothing has been done with it."""
        async with AsyncExitStack() as stack:
            connection = await self._begin(stack, min(until, self._until(Kind.COMMAND, None)))
            connection.until = until
            connection.stall = stall
            try:
                yield connection
            finally:
                connection.stall = inf
                connection.until = min(until, self._until(Kind.COMMAND, None))

    async def _begin(self, stack: AsyncExitStack, until: float) -> AsyncConnection:
        attempts = Attempts(until, None, self._on_retry)
        while True:
            try:
                connection = await stack.enter_async_context(self._pool.connection(until))
                await stack.enter_async_context(begun(connection))
            except AtbDbError as error:
                await stack.aclose()
                await self._pause(attempts, error)
            else:
                return connection

    async def _tried(
        self, until: float, statement: Statement[object] | None, use: Callable[[AsyncConnection], Awaitable[R]]
    ) -> R:
        """Use a connection, and another while one is lost."""
        attempts = Attempts(until, statement, self._on_retry)
        while True:
            try:
                connection = await self._pool.take(until)
                try:
                    return await use(connection)
                finally:
                    await self._pool.give(connection)
                    # An error that somebody keeps has this frame: nobody would miss the connection, should it be lost.
                    del connection
            except AtbDbError as error:
                await self._pause(attempts, error)

    async def _read(
        self, until: float, statement: Statement[object] | None, use: Callable[[AsyncConnection], Awaitable[R]]
    ) -> R:
        """From the replica if it is recent enough and gives an answer, else from the primary."""
        replica = await self._recent_replica(until)
        if replica is not None:
            now = monotonic()
            try:
                # Half of the time is left for the primary.
                async with replica.pool.connection(now + (until - now) / 2) as connection:
                    return await use(connection)
            except AtbDbError as error:
                if is_disconnection(error):
                    await replica.fail()
        return await self._tried(until, statement, use)

    async def _recent_replica(self, until: float) -> Replica | None:
        replica = self._replica
        if replica is None or is_on_primary():
            return None
        now = monotonic()
        if replica.freshness.is_due(now) and not replica.measuring:
            replica.measuring = True
            try:
                await self._measure(replica, min(until, now + _REPLICA_PATIENCE))
            finally:
                replica.measuring = False
        return replica if replica.freshness.is_usable(monotonic()) else None

    async def _measure(self, replica: Replica, until: float) -> None:
        began = monotonic()
        try:
            async with self._pool.connection(until) as connection:
                replica.freshness.sample(began, await run(connection, get_server_state()))
        except AtbDbError as error:
            await self._suspect(error)  # and the replica is as fresh as it was known to be
        try:
            async with replica.pool.connection(until) as connection:
                replica.freshness.measure(await run(connection, get_server_state()))
        except AtbDbError:
            await replica.fail()
