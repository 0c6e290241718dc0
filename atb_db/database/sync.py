"""`Database`: statements run on a pool of connections that threads share."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from math import inf
from threading import Lock
from time import monotonic, perf_counter, sleep
from types import TracebackType
from typing import NoReturn, Self, TypeVar, cast

import psycopg
from psycopg import RawCursor, Rollback
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
from atb_db.database.connections import Connection
from atb_db.database.forking import renew_in_children
from atb_db.database.health import QUESTIONS, Health, JournalDepth, healthy, unhealthy
from atb_db.database.lineage import TIMELINE, Lineage
from atb_db.database.pool import Pool, PoolStatistics
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


class Database:
    """A pool of connections to one database, safe to share between threads.

    It opens on first use or on entering `with`, and closes on leaving it. Every statement that is not in a
    `transaction()` is a transaction of its own and one round trip.

        with Database.from_env() as db:
            balance = db.run(account.get_current_balance(session_id=42))

    Every call ends by its deadline: the settings', or the `timeout` that it is given, in seconds. Until then a
    statement whose connection is lost is run again, on another one; `on_retry` is told each time.
    """

    def __init__(self, settings: Settings | str, *, on_retry: OnRetry | None = None) -> None:
        settings = Secret(settings) if isinstance(settings, str) else settings
        self.settings = Settings.load(settings) if isinstance(settings, str) else settings
        self._on_retry = on_retry
        self._pool = Pool(self.settings, _connector(self.settings))
        self._replica = _Replica(self.settings) if self.settings.replica_conninfo is not None else None
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
    ) -> Self:
        """The database of the environment's settings (see `Settings.load`); what is given here goes before them."""
        url = hidden(url)
        settings = Settings.load(url, application_name=application_name, pool_min=pool_min, pool_max=pool_max)
        return cls(settings, on_retry=on_retry)

    def open(self) -> ServerInfo:
        """Connect, refuse an unfit server, and fill the pool; what the server is. Later calls only tell.

        Nothing is tried twice here: whoever starts wants to know.

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
            return self._read(until, statement, lambda connection: _run(connection, statement))
        return self._tried(until, statement, lambda connection: _run(connection, statement))

    def run_many(self, statements: Iterable[Statement[R]], *, timeout: float | None = None) -> list[R]:
        """Run statements in one transaction and one round trip; their results in order.

        None of them sees a result of another before it is sent. If the server refuses one, none has happened; a query
        that should find a row and finds none is told after the others were committed.
        """
        sent = list(statements)
        until = self._until(None, timeout)
        return self._tried(until, None, lambda connection: _run_many(connection, sent))

    def run_batch(self, batch: Batch[R], *, timeout: float | None = None, stale_ok: bool = False) -> R:
        """Run a batch's queries in one round trip, all in one snapshot of the database; the value that they make.

        If it may be `stale_ok`, as `run` does.

            overview = db.run_batch(dashboard.dashboard(session_id=42))
        """
        ask = self._read if stale_ok else self._tried
        if stale_ok:
            refuse_stale(batch.statements)
        until = self._until(None, timeout)
        answers = ask(until, None, lambda connection: _run_many(connection, batch.statements, snapshot=True))
        return batch.assemble(answers)

    @contextmanager
    def stream(self, statement: Statement[list[T]], *, timeout: float | None = None) -> Iterator[Iterator[T]]:
        """The rows of a query as they arrive, for results larger than memory; the connection is held until the end.

        It may take as long as the reader does, but `timeout` is the longest that the server may take for the next rows.

            with db.stream(trades.get_trades_since(session_id=42, since=start)) as rows:
                for trade in rows: ...
        """
        with self._begun(inf, stall=self._stall(timeout)) as connection, _stream(connection, statement) as rows:
            yield rows

    def copy_in(self, rows: Iterable[Statement[None]], *, timeout: float | None = None) -> int:
        """Bulk-load rows, all or none; how many.

        Each row is the value of one `copy_…` function, all of the same. Loading the same request_ids again is an
        IdempotencyConflict, so a repeated load doubles nothing; once rows were sent, nothing is tried again. `timeout`
        is the longest that the server may take to take more.

        Raises:
            SessionClosed: a row is for a session that has ended; load first, then end it.
        """
        with self._begun(inf, stall=self._stall(timeout)) as connection:
            return _copy_in(connection, rows)

    @contextmanager
    def transaction(self, *, timeout: float | None = None) -> Iterator[Transaction]:
        """A transaction: committed at the end of the block, rolled back by an exception.

        Each statement in it has its own deadline, and all together have `timeout` if it is given. Nothing in it is
        tried again, because what the block did meanwhile is unknown here; `retrying` does that.

        Raises:
            TransactionAborted: a statement failed, its error was swallowed, and the block ended as if all were well.
            OutcomeUnknown: the COMMIT was sent and its answer was lost.
        """
        until = inf if timeout is None else monotonic() + timeout
        with self._begun(until) as connection, _transaction(connection, self.settings, until) as transaction:
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
                    _begun(connection),
                    _transaction(connection, self.settings, until, requests) as transaction,
                ):
                    return function(transaction)
            except AtbDbError as error:
                requests.repeat(error)
                self._pause(attempts, error)

    def primary(self) -> AbstractContextManager[None]:
        """A block in which every query goes to the primary, whatever may be stale: it sees what was just written."""
        return primary()

    def health(self, *, timeout: float = 1.0) -> Health:
        """Whether the database can be worked with, in one round trip and at most `timeout` seconds.

        An unreachable server is the answer here and not an error, with its reason.
        """
        lag = self._replica.freshness.lag(monotonic()) if self._replica is not None else None
        depth = self._journal_depth() if self._journal_depth is not None else None
        try:
            with self._pool.connection(monotonic() + timeout) as connection:
                start = perf_counter()
                answers = _run_many(connection, QUESTIONS)
                return healthy(answers, perf_counter() - start, lag, self.statistics(), depth)
        except AtbDbError as error:
            self._suspect(error)
            return unhealthy(error, lag, self.statistics(), depth)

    def attach_journal(self, depth: Callable[[], JournalDepth] | None) -> None:
        """Let `health` tell the depth of a journal, or of none; a Journal attaches itself."""
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

    def _until(self, kind: Kind | None, timeout: float | None) -> float:
        return deadline(self.settings, kind, timeout)

    def _stall(self, timeout: float | None) -> float:
        return timeout if timeout is not None else self.settings.query_deadline or inf

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
                stack.enter_context(_begun(connection))
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

    def _recent_replica(self, until: float) -> _Replica | None:
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

    def _measure(self, replica: _Replica, until: float) -> None:
        began = monotonic()
        try:
            with self._pool.connection(until) as connection:
                replica.freshness.sample(began, _run(connection, get_server_state()))
        except AtbDbError as error:
            self._suspect(error)  # and the replica is as fresh as it was known to be
        try:
            with replica.pool.connection(until) as connection:
                replica.freshness.measure(_run(connection, get_server_state()))
        except AtbDbError:
            replica.fail()


class _Replica:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings._replace(conninfo=settings.replica_conninfo or "", pool_min=0)
        self.pool = Pool(self._settings, _connector(self._settings))
        self.freshness = Freshness(settings.replica_lag)
        self._renew()
        renew_in_children(self, _Replica._renew)

    def _renew(self) -> None:
        """In a forked child: a thread of the parent may be measuring."""
        self.measuring = Lock()

    def fail(self) -> None:
        """Leave it alone for a while."""
        self.pool.drain()
        self.freshness.fail(monotonic())


class Transaction:
    """A transaction that is under way; it belongs to the thread that began it."""

    def __init__(
        self, connection: Connection, settings: Settings, until: float = inf, requests: Requests | None = None
    ) -> None:
        self._open: Connection | None = connection
        self._settings = settings
        self._until = until
        self._requests = requests

    @property
    def _connection(self) -> Connection:
        if self._open is None:
            raise StatementError("the transaction is over")
        return self._open

    def _ready(self, statements: Iterable[Statement[object]], until: float, name: str) -> Connection:
        connection = self._connection
        connection.refuse_while_streaming(name)
        until = min(self._until, until)
        with translated():
            connection.turn(until if until < inf else self._usual())
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

    def run(self, statement: Statement[R], *, timeout: float | None = None) -> R:
        """Run one statement inside the transaction; as `Database.run`, but it is not tried again."""
        runnable(statement)
        until = deadline(self._settings, statement.declaration.kind, timeout)
        return _run(self._ready([statement], until, statement.name), statement, alone=False)

    def run_many(self, statements: Iterable[Statement[R]], *, timeout: float | None = None) -> list[R]:
        """Run statements inside the transaction in one round trip; as `Database.run_many`."""
        sent = list(statements)
        connection = self._ready(sent, deadline(self._settings, None, timeout), "run_many")
        return _run_many(connection, sent, alone=False)

    def run_batch(self, batch: Batch[R], *, timeout: float | None = None) -> R:
        """Run a batch's queries inside the transaction in one round trip; the value that they make.

        They see one snapshot only if the transaction has one.
        """
        return batch.assemble(self.run_many(batch.statements, timeout=timeout))

    @contextmanager
    def stream(self, statement: Statement[list[T]]) -> Iterator[Iterator[T]]:
        """The rows of a query as they arrive; as `Database.stream`. Nothing else can run until they are read."""
        with _stream(self._ready([], inf, statement.name), statement) as rows:
            yield rows

    def copy_in(self, rows: Iterable[Statement[None]]) -> int:
        """Bulk-load rows inside the transaction; as `Database.copy_in`."""
        return _copy_in(self._ready([], inf, "a bulk load"), rows)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A savepoint: an exception undoes this block only, and the outer transaction can go on."""
        connection = self._ready([], self._usual(), "a savepoint")
        with (
            _begun(connection),
            _transaction(connection, self._settings, self._until, self._requests) as transaction,
        ):
            yield transaction


def _connector(settings: Settings) -> Callable[[float], Connection]:
    arguments = pool_arguments(settings)
    lineage = Lineage(settings.conninfo)
    places = Places(arguments.conninfo)

    def connected(until: float) -> Connection:
        with translated():
            connection = _connected(places, turns(settings, until), arguments)
        try:
            connection.until = until
            connection.set_up()
            accept(connection)
            with translated():
                if needs_utc(settings):
                    connection.execute(UTC_AND_ISO)
                if settings.pgbouncer:
                    check_defaults(connection.execute(DEFAULTS).fetchone())
                if lineage.matters:
                    lineage.check(connection.execute(TIMELINE).fetchone())
            check_zone(connection)
        except BaseException:
            connection.abandon()
            raise
        return connection

    return connected


def _connected(places: Places, attempt: Turns, arguments: ConnectArguments) -> Connection:
    token = connecting.set(attempt)
    try:
        found = {place: _look_up(place) for place in places.names}
        conninfo = places.conninfo(attempt, found)
        connection = Connection.connect(conninfo, **arguments.keywords)  # type: ignore[arg-type]
        places.answered(connection.info.hostaddr)
    finally:
        connecting.reset(token)
    return connection


def _look_up(place: Place) -> Found:
    try:
        return socket.getaddrinfo(place.host, place.port, proto=socket.IPPROTO_TCP, type=socket.SOCK_STREAM)
    except OSError:
        return ()


def _run(connection: Connection, statement: Statement[R], *, alone: bool = True) -> R:
    try:
        rows = connection.ask(statement.declaration, statement.server_values())
    except DRIVER_ERRORS as error:
        # What is lost before the COMMIT has not happened.
        raise failure(connection, error, statement, writes=alone and writing(statement)) from None
    if alone:
        check_replicated(connection, statement.name)
    return result(statement, rows)


def _run_many(
    connection: Connection, statements: Iterable[Statement[R]], *, alone: bool = True, snapshot: bool = False
) -> list[R]:
    handled = sys.exception()
    sent = list(statements)
    for statement in sent:
        runnable(statement)
    cursors = [RawCursor(connection, row_factory=statement.declaration.reader.row_factory) for statement in sent]
    try:
        # Leaving the pipeline sends a Sync, which commits what was sent so far.
        with connection.pipeline(), connection.all_or_nothing() if alone else connection.interruptible():
            if snapshot:
                connection.execute(BEGIN_SNAPSHOT)
            for cursor, statement in zip(cursors, sent, strict=True):
                cursor.execute(statement.declaration.sql, statement.server_values())
            if snapshot:
                connection.execute("COMMIT")
    except DRIVER_ERRORS as error:
        forward_interruption(error, handled)
        if snapshot and not connection.closed:
            with suppress(psycopg.Error):  # or the pool closes it
                connection.rollback()
        writes = alone and any(map(writing, sent))
        raise failure(connection, error, first_unanswered(sent, cursors), writes=writes) from None
    connection.prepared.ran.update(statement.declaration.sql for statement in sent)
    if alone:
        check_replicated(connection)
    return [
        result(statement, cursor.fetchall() if cursor.description else [])
        for cursor, statement in zip(cursors, sent, strict=True)
    ]


@contextmanager
def _stream(connection: Connection, statement: Statement[list[T]]) -> Iterator[Iterator[T]]:
    runnable(statement)
    reader = statement.declaration.reader
    cursor = RawCursor(connection, row_factory=reader.row_factory)
    with translated(statement.declaration, writes=False), _unhurried(connection):
        rows = cursor.stream(statement.declaration.sql, statement.server_values(), size=STREAM_CHUNK)
        with (
            closing(cast("Generator[object]", rows)),
            connection.interruptible(),
            connection.read_by(statement.name),
        ):
            yield cast("Iterator[T]", reader.assemble(rows))


def _copy_in(connection: Connection, rows: Iterable[Statement[None]]) -> int:
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
            raise Rollback(block)  # whoever read the rows stopped early, which cancelled the statement
        connection.execute(USUAL_TIMEOUT, prepare=False)


@contextmanager
def _begun(connection: Connection) -> Iterator[None]:
    """A transaction or savepoint. Lost at its beginning, it has not happened; at its COMMIT, nobody knows."""
    with ExitStack() as stack:
        stack.enter_context(translated(writes=True))
        with translated():
            stack.enter_context(connection.transaction())
        with connection.interruptible():
            yield
    check_replicated(connection)


@contextmanager
def _transaction(
    connection: Connection, settings: Settings, until: float, requests: Requests | None = None
) -> Iterator[Transaction]:
    transaction = Transaction(connection, settings, until, requests)
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
