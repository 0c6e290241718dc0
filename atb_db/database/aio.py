"""`AsyncDatabase`: the same statements on a pool of connections for asyncio."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractContextManager, AsyncExitStack, aclosing, asynccontextmanager, suppress
from math import inf
from time import monotonic, perf_counter
from types import TracebackType
from typing import NoReturn, Self, TypeVar, cast

import psycopg
from psycopg import AsyncRawCursor, Rollback, errors
from psycopg.pq import TransactionStatus

from atb_db.batch import Batch
from atb_db.config import Settings
from atb_db.database.addresses import Found, Place, Places, Turns, connecting, turns
from atb_db.database.bulk import BulkRows, as_copy
from atb_db.database.connecting import (
    BEGIN_SNAPSHOT,
    DEFAULTS,
    NO_TIMEOUT,
    STREAM_CHUNK,
    USUAL_TIMEOUT,
    UTC_AND_ISO,
    ConnectArguments,
    ServerInfo,
    accept,
    check_defaults,
    check_zone,
    deadline,
    first_unanswered,
    needs_utc,
    pool_arguments,
    refuse_stale,
    result,
    runnable,
    writing,
)
from atb_db.database.connections import AsyncConnection
from atb_db.database.forking import renew_in_children
from atb_db.database.health import QUESTIONS, Health, JournalDepth, healthy, unhealthy
from atb_db.database.lineage import TIMELINE, Lineage
from atb_db.database.pool import AsyncPool, PoolStatistics
from atb_db.database.replica import Freshness, is_on_primary, primary
from atb_db.database.retry import Attempts, OnRetry, Requests, is_disconnection
from atb_db.database.translation import DRIVER_ERRORS, check_replicated, failure, forward_interruption, translated
from atb_db.errors import AtbDbError, StatementError, TransactionAborted
from atb_db.repository.server import get_server_state
from atb_db.statement import Kind, Statement
from atb_db.variables import Secret, hidden

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
    statement whose connection is lost is run again, on another one; `on_retry` is told each time.
    """

    def __init__(self, settings: Settings | str, *, on_retry: OnRetry | None = None) -> None:
        settings = Secret(settings) if isinstance(settings, str) else settings
        self.settings = Settings.load(settings) if isinstance(settings, str) else settings
        self._on_retry = on_retry
        self._pool = AsyncPool(self.settings, _connector(self.settings))
        self._replica = _Replica(self.settings) if self.settings.replica_conninfo is not None else None
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
    ) -> Self:
        """As `Database.from_env`."""
        url = hidden(url)
        settings = Settings.load(url, application_name=application_name, pool_min=pool_min, pool_max=pool_max)
        return cls(settings, on_retry=on_retry)

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
            return await self._read(until, statement, lambda connection: _run(connection, statement))
        return await self._tried(until, statement, lambda connection: _run(connection, statement))

    async def run_many(self, statements: Iterable[Statement[R]], *, timeout: float | None = None) -> list[R]:
        """As `Database.run_many`."""
        sent = list(statements)
        until = self._until(None, timeout)
        return await self._tried(until, None, lambda connection: _run_many(connection, sent))

    async def run_batch(self, batch: Batch[R], *, timeout: float | None = None, stale_ok: bool = False) -> R:
        """As `Database.run_batch`."""
        ask = self._read if stale_ok else self._tried
        if stale_ok:
            refuse_stale(batch.statements)
        until = self._until(None, timeout)
        answers = await ask(until, None, lambda connection: _run_many(connection, batch.statements, snapshot=True))
        return batch.assemble(answers)

    @asynccontextmanager
    async def stream(
        self, statement: Statement[list[T]], *, timeout: float | None = None
    ) -> AsyncIterator[AsyncIterator[T]]:
        """As `Database.stream`."""
        async with self._begun(inf, stall=self._stall(timeout)) as connection, _stream(connection, statement) as rows:
            yield rows

    async def copy_in(self, rows: Iterable[Statement[None]], *, timeout: float | None = None) -> int:
        """As `Database.copy_in`."""
        async with self._begun(inf, stall=self._stall(timeout)) as connection:
            return await _copy_in(connection, rows)

    @asynccontextmanager
    async def transaction(self, *, timeout: float | None = None) -> AsyncIterator[AsyncTransaction]:
        """As `Database.transaction`."""
        until = inf if timeout is None else monotonic() + timeout
        async with self._begun(until) as connection, _transaction(connection, self.settings, until) as transaction:
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
                    _begun(connection),
                    _transaction(connection, self.settings, until, requests) as transaction,
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
        try:
            async with self._pool.connection(monotonic() + timeout) as connection:
                start = perf_counter()
                answers = await _run_many(connection, QUESTIONS)
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

    def _until(self, kind: Kind | None, timeout: float | None) -> float:
        return deadline(self.settings, kind, timeout)

    def _stall(self, timeout: float | None) -> float:
        return timeout if timeout is not None else self.settings.query_deadline or inf

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
                await stack.enter_async_context(_begun(connection))
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

    async def _recent_replica(self, until: float) -> _Replica | None:
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

    async def _measure(self, replica: _Replica, until: float) -> None:
        began = monotonic()
        try:
            async with self._pool.connection(until) as connection:
                replica.freshness.sample(began, await _run(connection, get_server_state()))
        except AtbDbError as error:
            await self._suspect(error)  # and the replica is as fresh as it was known to be
        try:
            async with replica.pool.connection(until) as connection:
                replica.freshness.measure(await _run(connection, get_server_state()))
        except AtbDbError:
            await replica.fail()


class _Replica:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings._replace(conninfo=settings.replica_conninfo or "", pool_min=0)
        self.pool = AsyncPool(self._settings, _connector(self._settings))
        self.freshness = Freshness(settings.replica_lag)
        self._renew()
        renew_in_children(self, _Replica._renew)

    def _renew(self) -> None:
        """As `Database._Replica._renew`."""
        self.measuring = False

    async def fail(self) -> None:
        """As `Database.fail`."""
        await self.pool.drain()
        self.freshness.fail(monotonic())


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
        return await _run(await self._ready([statement], until, statement.name), statement, alone=False)

    async def run_many(self, statements: Iterable[Statement[R]], *, timeout: float | None = None) -> list[R]:
        """As `Transaction.run_many`."""
        sent = list(statements)
        connection = await self._ready(sent, deadline(self._settings, None, timeout), "run_many")
        return await _run_many(connection, sent, alone=False)

    async def run_batch(self, batch: Batch[R], *, timeout: float | None = None) -> R:
        """As `Transaction.run_batch`."""
        return batch.assemble(await self.run_many(batch.statements, timeout=timeout))

    @asynccontextmanager
    async def stream(self, statement: Statement[list[T]]) -> AsyncIterator[AsyncIterator[T]]:
        """As `Transaction.stream`."""
        async with _stream(await self._ready([], inf, statement.name), statement) as rows:
            yield rows

    async def copy_in(self, rows: Iterable[Statement[None]]) -> int:
        """As `Transaction.copy_in`."""
        return await _copy_in(await self._ready([], inf, "a bulk load"), rows)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncTransaction]:
        """As `Transaction.transaction`."""
        connection = await self._ready([], self._usual(), "a savepoint")
        async with (
            _begun(connection),
            _transaction(connection, self._settings, self._until, self._requests) as transaction,
        ):
            yield transaction


def _connector(settings: Settings) -> Callable[[float], Awaitable[AsyncConnection]]:
    arguments = pool_arguments(settings)
    lineage = Lineage(settings.conninfo)
    places = Places(arguments.conninfo)

    async def connected(until: float) -> AsyncConnection:
        with translated():
            try:
                async with asyncio.timeout(None if until == inf else until - monotonic()):
                    connection = await _connected(places, turns(settings, until), arguments)
            except TimeoutError:
                raise errors.ConnectionTimeout("connection timeout expired") from None
        try:
            connection.until = until
            connection.set_up()
            accept(connection)
            with translated():
                if needs_utc(settings):
                    await connection.execute(UTC_AND_ISO)
                if settings.pgbouncer:
                    check_defaults(await (await connection.execute(DEFAULTS)).fetchone())
                if lineage.matters:
                    lineage.check(await (await connection.execute(TIMELINE)).fetchone())
            check_zone(connection)
        except BaseException:
            connection.abandon()
            raise
        return connection

    return connected


async def _connected(places: Places, attempt: Turns, arguments: ConnectArguments) -> AsyncConnection:
    token = connecting.set(attempt)
    try:
        found = {place: await _look_up(place) for place in places.names}
        conninfo = places.conninfo(attempt, found)
        connection = await AsyncConnection.connect(conninfo, **arguments.keywords)  # type: ignore[arg-type]
        places.answered(connection.info.hostaddr)
    finally:
        connecting.reset(token)
    return connection


async def _look_up(place: Place) -> Found:
    look_up = asyncio.get_running_loop().getaddrinfo
    try:
        return await look_up(place.host, place.port, proto=socket.IPPROTO_TCP, type=socket.SOCK_STREAM)
    except OSError:
        return ()


async def _run(connection: AsyncConnection, statement: Statement[R], *, alone: bool = True) -> R:
    try:
        rows = await connection.ask(statement.declaration, statement.server_values())
    except DRIVER_ERRORS as error:
        # What is lost before the COMMIT has not happened.
        raise failure(connection, error, statement, writes=alone and writing(statement)) from None
    if alone:
        check_replicated(connection, statement.name)
    return result(statement, rows)


async def _run_many(
    connection: AsyncConnection, statements: Iterable[Statement[R]], *, alone: bool = True, snapshot: bool = False
) -> list[R]:
    handled = sys.exception()
    sent = list(statements)
    for statement in sent:
        runnable(statement)
    cursors = [AsyncRawCursor(connection, row_factory=statement.declaration.reader.row_factory) for statement in sent]
    try:
        # Leaving the pipeline sends a Sync, which commits what was sent so far.
        async with connection.pipeline():
            with connection.all_or_nothing() if alone else connection.interruptible():
                if snapshot:
                    await connection.execute(BEGIN_SNAPSHOT)
                for cursor, statement in zip(cursors, sent, strict=True):
                    await cursor.execute(statement.declaration.sql, statement.server_values())
                if snapshot:
                    await connection.execute("COMMIT")
    except DRIVER_ERRORS as error:
        forward_interruption(error, handled)
        if snapshot and not connection.closed:
            with suppress(psycopg.Error):  # or the pool closes it
                await connection.rollback()
        writes = alone and any(map(writing, sent))
        raise failure(connection, error, first_unanswered(sent, cursors), writes=writes) from None
    connection.prepared.ran.update(statement.declaration.sql for statement in sent)
    if alone:
        check_replicated(connection)
    return [
        result(statement, await cursor.fetchall() if cursor.description else [])
        for cursor, statement in zip(cursors, sent, strict=True)
    ]


@asynccontextmanager
async def _stream(connection: AsyncConnection, statement: Statement[list[T]]) -> AsyncIterator[AsyncIterator[T]]:
    runnable(statement)
    reader = statement.declaration.reader
    cursor = AsyncRawCursor(connection, row_factory=reader.row_factory)
    with translated(statement.declaration, writes=False):
        async with _unhurried(connection):
            rows = cursor.stream(statement.declaration.sql, statement.server_values(), size=STREAM_CHUNK)
            async with aclosing(cast("AsyncGenerator[object]", rows)):
                with connection.interruptible(), connection.read_by(statement.name):
                    yield cast("AsyncIterator[T]", reader.assemble_async(rows))


async def _copy_in(connection: AsyncConnection, rows: Iterable[Statement[None]]) -> int:
    bulk = BulkRows(rows)
    loaded = await _copy_rows(connection, bulk)
    if loaded:
        with translated(bulk.declaration, writes=False):
            await AsyncRawCursor(connection).execute(bulk.REFUSE_ENDED, [bulk.sessions], prepare=False)
    return loaded


async def _copy_rows(connection: AsyncConnection, rows: Iterable[Statement[None]]) -> int:
    cursor = AsyncRawCursor(connection)
    with translated(writes=False):
        async with _unhurried(connection):  # the first row, too, may be long in coming
            copy_of_rows = as_copy(rows)
            if copy_of_rows is None:
                return 0
            declaration, blocks = copy_of_rows
            with translated(declaration, writes=False):
                async with cursor.copy(declaration.sql) as copy:
                    with connection.interruptible(), connection.read_by(declaration.name):
                        for block in blocks:
                            await copy.write(block)
    return cursor.rowcount


@asynccontextmanager
async def _unhurried(connection: AsyncConnection) -> AsyncIterator[None]:
    """A savepoint in which one statement may take as long as its rows do."""
    async with connection.transaction() as block:
        await connection.execute(NO_TIMEOUT, prepare=False)
        yield
        if connection.info.transaction_status == TransactionStatus.INERROR:
            raise Rollback(block)  # whoever read the rows stopped early, which cancelled the statement
        await connection.execute(USUAL_TIMEOUT, prepare=False)


@asynccontextmanager
async def _begun(connection: AsyncConnection) -> AsyncIterator[None]:
    """A transaction or savepoint. Lost at its beginning, it has not happened; at its COMMIT, nobody knows."""
    async with AsyncExitStack() as stack:
        stack.enter_context(translated(writes=True))
        with translated():
            await stack.enter_async_context(connection.transaction())
        with connection.interruptible():
            yield
    check_replicated(connection)


@asynccontextmanager
async def _transaction(
    connection: AsyncConnection, settings: Settings, until: float, requests: Requests | None = None
) -> AsyncIterator[AsyncTransaction]:
    transaction = AsyncTransaction(connection, settings, until, requests)
    try:
        yield transaction
    finally:
        transaction._end()  # noqa: SLF001  of this module
        connection.until = min(until, deadline(settings, Kind.COMMAND, None))
        if connection.streaming is not None:
            connection.abandon()  # until its rows are read, neither COMMIT nor ROLLBACK can be sent
    connection.refuse_while_streaming("the end of the transaction")
    # psycopg would commit, the server would roll back, or be gone, and nobody would be told.
    if connection.info.transaction_status != TransactionStatus.INTRANS:
        raise TransactionAborted
