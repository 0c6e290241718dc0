"""`Database`: statements run on a pool of connections that threads share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from math import inf
from threading import Lock
from time import monotonic, perf_counter, sleep
from types import TracebackType
from typing import TYPE_CHECKING, Literal, NoReturn, Self, TypeVar, overload

from atb_db.batch import Batch
from atb_db.config import Settings
from atb_db.database.bulk import AnyRows
from atb_db.database.connecting import ServerInfo, accept, deadline, refuse_stale, runnable, seconds
from atb_db.database.connections import Connection
from atb_db.database.forking import renew_in_children
from atb_db.database.health import QUESTIONS, Health, JournalDepth, healthy, unhealthy
from atb_db.database.observing import Counting, Metrics, Observer, PoolStatistics, observers
from atb_db.database.replica import is_on_primary, primary
from atb_db.database.retry import Attempts, OnRetry, Requests, is_disconnection
from atb_db.database.sync.connector import connector
from atb_db.database.sync.frames import frame, frames
from atb_db.database.sync.pool import Pool
from atb_db.database.sync.replica import Replica
from atb_db.database.sync.running import run, run_many
from atb_db.database.sync.streams import copy_in, stream
from atb_db.database.sync.transaction import Transaction, begun, in_transaction
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


class Database:
    """A pool of connections to one database, safe to share between threads.

    It opens on first use or on entering `with`, and closes on leaving it. Every statement that is not in a
    `transaction()` is a transaction of its own and one round trip.

        with Database.from_env() as db:
            balance = db.run(account.get_current_balance(session_id=42))

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
        self._pool = Pool(self.settings, connector(self.settings, observer))
        self._replica = Replica(self.settings, observer) if self.settings.replica_conninfo is not None else None
        self._journal_depth: Callable[[], JournalDepth] | None = None
        self._renew()
        renew_in_children(self, Database._renew)

    def _renew(self) -> None:
        """In a forked child: begin again, as if new; Python itself calls this."""
        self._opening = Lock()
        self._server: ServerInfo | None = None

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Database cannot be sent to another process: make one there, of its settings")

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
        """The database of the environment's settings (see `Settings.load`); arguments take precedence over them."""
        url = hidden(url)
        settings = Settings.load(url, application_name=application_name, pool_min=pool_min, pool_max=pool_max)
        return cls(settings, on_retry=on_retry, observer=observer)

    def open(self) -> ServerInfo:
        """Connect, refuse an unfit server, and fill the pool; what the server is. Later calls only return it.

        Nothing is retried here: at the start an error should be seen at once.

        Raises:
            Unavailable: the server cannot be reached or refuses the credentials.
            ConfigurationError: the server is older than PostgreSQL 14, or the database is not encoded in UTF-8.
        """
        with self._opening:
            if self._server is None:
                first = self._pool.open(self._until(None, None))
                self._server = accept(first)
                first.close()
            return self._server

    def close(self) -> None:
        """Close every connection; the database cannot be used any more."""
        self._pool.close()
        if self._replica is not None:
            self._replica.pool.close()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def run(self, statement: Statement[R], *, timeout: float | None = None, stale_ok: bool = False) -> R:
        """Run one statement; its result, typed by its declaration.

        A query that may be `stale_ok` goes to the replica, if there is one and it is recent enough.

        Raises:
            AtbDbError: one of its subclasses, with the statement's name; see `atb_db.errors`.
        """
        runnable(statement)
        until = self._until(statement.declaration.kind, timeout)
        if stale_ok:
            refuse_stale([statement])
            return self._read(until, statement, lambda connection: run(connection, statement))
        return self._tried(until, statement, lambda connection: run(connection, statement))

    def run_many(self, statements: Iterable[Statement[R]], *, timeout: float | None = None) -> list[R]:
        """Run statements in one transaction and one round trip; their results in order.

        None of them sees a result of another before it is sent. If the server refuses one, none has happened; a query
        that should find a row and finds none raises after the others were committed.
        """
        sent = list(statements)
        until = self._until(None, timeout)
        return self._tried(until, None, lambda connection: run_many(connection, sent))

    def run_batch(self, batch: Batch[R], *, timeout: float | None = None, stale_ok: bool = False) -> R:
        """Run a batch's queries in one round trip, all in one snapshot of the database; the value that they make.

        If it may be `stale_ok`, as `run` does.

            overview = db.run_batch(dashboard.dashboard(session_id=42))
        """
        ask = self._read if stale_ok else self._tried
        if stale_ok:
            refuse_stale(batch.statements)
        until = self._until(None, timeout)
        answers = ask(until, None, lambda connection: run_many(connection, batch.statements, snapshot=True))
        return batch.assemble(answers)

    @contextmanager
    def stream(self, statement: Statement[list[T]], *, timeout: float | None = None) -> Iterator[Iterator[T]]:
        """The rows of a query as they arrive, for results larger than memory; the connection is held until the end.

        It may take as long as the reader does, but `timeout` is the longest that the server may take for the next rows.

            with db.stream(trades.get_trades_since(session_id=42, since=start)) as rows:
                for trade in rows: ...
        """
        with self._begun(inf, stall=self._stall(timeout)) as connection, stream(connection, statement) as rows:
            yield rows

    @overload
    def frame(self, query: Statement[object] | str, *, money: Money = ..., timeout: float | None = ...) -> pa.Table: ...
    @overload
    def frame(
        self, query: Statement[object] | str, *, as_: Literal["arrow"], money: Money = ..., timeout: float | None = ...
    ) -> pa.Table: ...
    @overload
    def frame(
        self, query: Statement[object] | str, *, as_: Literal["polars"], money: Money = ..., timeout: float | None = ...
    ) -> pl.DataFrame: ...
    @overload
    def frame(
        self, query: Statement[object] | str, *, as_: Literal["pandas"], money: Money = ..., timeout: float | None = ...
    ) -> pd.DataFrame: ...
    def frame(
        self,
        query: Statement[object] | str,
        *,
        as_: As = "arrow",
        money: Money = "decimal128",
        timeout: float | None = None,
    ) -> pa.Table | pl.DataFrame | pd.DataFrame:
        """A query's rows, or those of a view such as "reporting.trades", as a table of Arrow, polars or pandas.

            db.frame(trades.get_trades_since(session_id=42, since=start), as_="polars")

        Columns are typed by the declaration: times in UTC, enums as dictionaries, joined rows as a list of structures.
        Money is decimal128(38, 18), or float64 when `money` says so. `timeout` as for `stream`. docs/frames.md.

        Raises:
            InvalidInput: it is no query, or a number does not fit into the decimals.
            ConfigurationError: an extra is not installed.
        """
        with self._begun(inf, stall=self._stall(timeout)) as connection:
            return frame(connection, query, as_, money)

    @contextmanager
    def frames(
        self, query: Statement[object] | str, *, money: Money = "decimal128", timeout: float | None = None
    ) -> Iterator[Iterator[pa.Table]]:
        """The same as tables of Arrow, some thousand rows at a time, for results larger than memory; as `stream`.

        with db.frames(query) as tables:
            for table in tables: ...
        """
        with self._begun(inf, stall=self._stall(timeout)) as connection, frames(connection, query, money) as tables:
            yield tables

    def copy_in(self, rows: AnyRows, *, timeout: float | None = None) -> int:
        """Bulk-load rows, all or none; how many.

        Each row is the value of one `copy_…` function, all of the same. Loading the same request_ids again is an
        IdempotencyConflict, so a repeated load doubles nothing; once rows were sent, nothing is tried again. `timeout`
        is the longest that the server may take to take more.

        Raises:
            SessionClosed: a row is for a session that has ended; load first, then end it.
        """
        with self._begun(inf, stall=self._stall(timeout)) as connection:
            return copy_in(connection, rows)

    @contextmanager
    def transaction(self, *, timeout: float | None = None) -> Iterator[Transaction]:
        """A transaction: committed at the end of the block, rolled back by an exception.

        Each statement in it has its own deadline, and all together have `timeout` if it is given. Nothing in it is
        tried again, because what the block did meanwhile is unknown here; `retrying` does that.

        Raises:
            TransactionAborted: a statement failed, its error was swallowed, and the block ended as if all were well.
            OutcomeUnknown: the COMMIT was sent and its answer was lost.
        """
        until = inf if timeout is None else monotonic() + seconds(timeout)
        with self._begun(until) as connection, in_transaction(connection, self.settings, until) as transaction:
            yield transaction

    def retrying(self, function: Callable[[Transaction], R], *, timeout: float | None = None) -> R:
        """Run a function in a transaction, and again if that is lost or collides with another; its result.

            db.retrying(lambda tx: tx.run(adjust_one) - tx.run(adjust_other))

        The values of its commands are best made before, so that every run makes the same requests: after a COMMIT whose
        answer was lost, only the same request_ids may be sent again.

        Raises:
            NotRepeatable: a COMMIT's answer was lost, and the function makes new requests each time.
        """
        until = self._until(Kind.COMMAND, timeout)
        attempts = Attempts(until, None, self._on_retry)
        requests = Requests()
        while True:
            try:
                with (
                    self._pool.connection(until) as connection,
                    begun(connection),
                    in_transaction(connection, self.settings, until, requests) as transaction,
                ):
                    return function(transaction)
            except AtbDbError as error:
                requests.repeat(error)
                self._pause(attempts, error)

    def primary(self) -> AbstractContextManager[None]:
        """A block in which every query goes to the primary, whatever may be stale: it sees everything just written."""
        return primary()

    def health(self, *, timeout: float = 1.0) -> Health:
        """Whether the database can be worked with, in one round trip and at most `timeout` seconds.

        An unreachable server is the answer here and not an error, with its reason.
        """
        lag = self._replica.freshness.lag(monotonic()) if self._replica is not None else None
        depth = self._journal_depth() if self._journal_depth is not None else None
        until = monotonic() + seconds(timeout)
        try:
            with self._pool.connection(until) as connection:
                start = perf_counter()
                answers = run_many(connection, QUESTIONS)
                return healthy(answers, perf_counter() - start, lag, self.statistics(), depth)
        except AtbDbError as error:
            self._suspect(error)
            return unhealthy(error, lag, self.statistics(), depth)

    def attach_journal(self, depth: Callable[[], JournalDepth] | None) -> None:
        """Let `health` report the depth of a journal, or of none; a Journal attaches itself."""
        self._journal_depth = depth

    def ping(self) -> float:
        """Seconds that a round trip to the server takes."""
        with self._pool.connection(self._until(Kind.COMMAND, None)) as connection, translated():
            start = perf_counter()
            connection.execute("SELECT 1", prepare=False)
            return perf_counter() - start

    def statistics(self) -> PoolStatistics:
        """The pool at this moment."""
        return self._pool.statistics()

    def metrics(self) -> Metrics:
        """Counts so far: the pool and, with DATABASE_METRICS=1, statements, errors and retries."""
        pool = self.statistics()
        return Metrics(self._since, pool) if self._counting is None else self._counting.metrics(pool)

    def _until(self, kind: Kind | None, timeout: float | None) -> float:
        return deadline(self.settings, kind, timeout)

    def _stall(self, timeout: float | None) -> float:
        return seconds(timeout) if timeout is not None else self.settings.query_deadline or inf

    def _suspect(self, error: AtbDbError) -> None:
        if is_disconnection(error):
            self._pool.drain()

    def _pause(self, attempts: Attempts, error: AtbDbError) -> None:
        """Wait until the next attempt, or raise the error."""
        self._suspect(error)
        sleep(attempts.again(error))

    @contextmanager
    def _begun(self, until: float, *, stall: float = inf) -> Iterator[Connection]:
        """A connection in a transaction; beginning it is tried again, for nothing has been done with it."""
        with ExitStack() as stack:
            connection = self._begin(stack, min(until, self._until(Kind.COMMAND, None)))
            connection.until = until
            connection.stall = stall
            try:
                yield connection
            finally:
                connection.stall = inf
                connection.until = min(until, self._until(Kind.COMMAND, None))

    def _begin(self, stack: ExitStack, until: float) -> Connection:
        attempts = Attempts(until, None, self._on_retry)
        while True:
            try:
                connection = stack.enter_context(self._pool.connection(until))
                stack.enter_context(begun(connection))
            except AtbDbError as error:
                stack.close()
                self._pause(attempts, error)
            else:
                return connection

    def _tried(self, until: float, statement: Statement[object] | None, use: Callable[[Connection], R]) -> R:
        """Use a connection, and another while one is lost."""
        attempts = Attempts(until, statement, self._on_retry)
        while True:
            try:
                connection = self._pool.take(until)
                try:
                    return use(connection)
                finally:
                    self._pool.give(connection)
                    # An error that somebody keeps has this frame: nobody would miss the connection, should it be lost.
                    del connection
            except AtbDbError as error:
                self._pause(attempts, error)
            except BaseException:
                self._pool.shaken = True
                raise

    def _read(self, until: float, statement: Statement[object] | None, use: Callable[[Connection], R]) -> R:
        """From the replica if it is recent enough and gives an answer, else from the primary."""
        replica = self._recent_replica(until)
        if replica is not None:
            now = monotonic()
            try:
                # Half of the time is left for the primary.
                with replica.pool.connection(now + (until - now) / 2) as connection:
                    return use(connection)
            except AtbDbError as error:
                if is_disconnection(error):
                    replica.fail()
        return self._tried(until, statement, use)

    def _recent_replica(self, until: float) -> Replica | None:
        replica = self._replica
        if replica is None or is_on_primary():
            return None
        now = monotonic()
        if replica.freshness.is_due(now) and replica.measuring.acquire(blocking=False):
            try:
                self._measure(replica, min(until, now + _REPLICA_PATIENCE))
            finally:
                replica.measuring.release()
        return replica if replica.freshness.is_usable(monotonic()) else None

    def _measure(self, replica: Replica, until: float) -> None:
        began = monotonic()
        try:
            with self._pool.connection(until) as connection:
                replica.freshness.sample(began, run(connection, get_server_state()))
        except AtbDbError as error:
            self._suspect(error)  # and the replica is as fresh as it was known to be
        try:
            with replica.pool.connection(until) as connection:
                replica.freshness.measure(run(connection, get_server_state()))
        except AtbDbError:
            replica.fail()
