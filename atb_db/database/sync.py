"""`Database`: statements run on a pool of connections that threads share."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import chain
from threading import Lock
from types import TracebackType
from typing import Self, TypeVar, cast

from psycopg import Connection, RawCursor, Rollback, connect
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool

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
_Connection = Connection[tuple[object, ...]]


class Database:
    """A pool of connections to one database, safe to share between threads.

    It opens on first use or on entering `with`, and closes on leaving it. Every statement that is not in a
    `transaction()` is a transaction of its own and one round trip.

        with Database.from_env() as db:
            balance = db.run(account.get_current_balance(session_id=42))
    """

    def __init__(self, settings: Settings | str) -> None:
        self.settings = Settings.load(settings) if isinstance(settings, str) else settings
        self._arguments = connect_arguments(self.settings)
        self._pool = ConnectionPool[_Connection](
            self._arguments.conninfo,
            kwargs=dict(self._arguments.keywords),
            min_size=self.settings.pool_min,
            max_size=self.settings.pool_max,
            timeout=self.settings.pool_timeout,
            configure=lambda connection: void(accept(connection)),
            open=False,
        )
        self._opening = Lock()
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
        """The database of the environment's settings (see `Settings.load`); what is given here goes before them."""
        return cls(Settings.load(url, application_name=application_name, pool_min=pool_min, pool_max=pool_max))

    def open(self) -> ServerInfo:
        """Connect, refuse an unfit server, and start the pool; what the server is. Later calls only tell.

        Raises:
            Unavailable: the server cannot be reached or refuses the credentials.
            ConfigurationError: the server is older than PostgreSQL 14, or the database is not encoded in UTF-8.
        """
        with self._opening:
            if self._server is None:
                with translated(), connect(self._arguments.conninfo) as connection:
                    self._server = accept(connection)
                self._pool.open()
            return self._server

    def close(self) -> None:
        """Close every connection; the database cannot be used any more."""
        self._pool.close()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _connection(self) -> Iterator[_Connection]:
        if self._server is None:
            self.open()
        with translated():
            connection = self._pool.getconn()
        try:
            yield connection
        finally:
            self._pool.putconn(connection)

    def run(self, statement: Statement[R]) -> R:
        """Run one statement; its result, typed by its declaration.

        Raises:
            AtbDbError: one of its subclasses, with the statement's name; see `atb_db.errors`.
        """
        with self._connection() as connection:
            return _run(connection, statement)

    def run_many(self, statements: Iterable[Statement[R]]) -> list[R]:
        """Run statements in one transaction and one round trip; their results in order.

        None of them sees a result of another before it is sent. If the server refuses one, none has happened; a query
        that should find a row and finds none is told after the others were committed.
        """
        with self._connection() as connection:
            return _run_many(connection, statements)

    def run_batch(self, batch: Batch[R]) -> R:
        """Run a batch's queries in one round trip, all in one snapshot of the database; the value that they make.

        overview = db.run_batch(dashboard.dashboard(session_id=42))
        """
        with self._connection() as connection:
            return batch.assemble(_run_many(connection, batch.statements, snapshot=True))

    @contextmanager
    def stream(self, statement: Statement[list[T]]) -> Iterator[Iterator[T]]:
        """The rows of a query as they arrive, for results larger than memory; the connection is held until the end.

        with db.stream(trades.get_trades_since(session_id=42, since=start)) as rows:
            for trade in rows: ...
        """
        with self._connection() as connection, _stream(connection, statement) as rows:
            yield rows

    def copy_in(self, rows: Iterable[Statement[None]]) -> int:
        """Bulk-load rows, all or none; how many.

        Each row is the value of one `copy_…` function, all of the same. Loading the same request_ids again is an
        IdempotencyConflict, so a repeated load doubles nothing.
        """
        with self._connection() as connection:
            return _copy_in(connection, rows)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction: committed at the end of the block, rolled back by an exception.

        Raises:
            TransactionAborted: a statement failed, its error was swallowed, and the block ended as if all were well.
        """
        with self._connection() as connection, _transaction(connection) as transaction:
            yield transaction

    def ping(self) -> float:
        """Seconds that a round trip to the server takes."""
        with self._connection() as connection, translated():
            start = time.perf_counter()
            connection.execute("SELECT 1")
            return time.perf_counter() - start

    def statistics(self) -> PoolStatistics:
        """The pool at this moment."""
        return pool_statistics(self._pool.get_stats(), self.settings)


class Transaction:
    """A transaction that is under way; it belongs to the thread that began it."""

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

    def run(self, statement: Statement[R]) -> R:
        """Run one statement inside the transaction; as `Database.run`."""
        return _run(self._connection, statement)

    def run_many(self, statements: Iterable[Statement[R]]) -> list[R]:
        """Run statements inside the transaction in one round trip; as `Database.run_many`."""
        return _run_many(self._connection, statements)

    def run_batch(self, batch: Batch[R]) -> R:
        """Run a batch's queries inside the transaction in one round trip; the value that they make.

        They see one snapshot only if the transaction has one.
        """
        return batch.assemble(_run_many(self._connection, batch.statements))

    @contextmanager
    def stream(self, statement: Statement[list[T]]) -> Iterator[Iterator[T]]:
        """The rows of a query as they arrive; as `Database.stream`. Nothing else can run until they are read."""
        with _stream(self._connection, statement) as rows:
            yield rows

    def copy_in(self, rows: Iterable[Statement[None]]) -> int:
        """Bulk-load rows inside the transaction; as `Database.copy_in`."""
        return _copy_in(self._connection, rows)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A savepoint: an exception undoes this block only, and the outer transaction can go on."""
        with _transaction(self._connection) as transaction:
            yield transaction


def void(_: object) -> None:
    """Nothing, for callbacks whose result is not wanted."""


def _run(connection: _Connection, statement: Statement[R]) -> R:
    runnable(statement)
    declaration = statement.declaration
    with translated(declaration):
        cursor = RawCursor(connection, row_factory=declaration.reader.row_factory)
        cursor.execute(statement.declaration.sql, statement.server_values())
        rows = cursor.fetchall() if cursor.description else []
    return declaration.read(rows)


def _run_many(connection: _Connection, statements: Iterable[Statement[R]], *, snapshot: bool = False) -> list[R]:
    sent = list(statements)
    for statement in sent:
        runnable(statement)
    cursors = [RawCursor(connection, row_factory=statement.declaration.reader.row_factory) for statement in sent]
    try:
        with connection.pipeline():
            if snapshot:
                connection.execute(BEGIN_SNAPSHOT)
            for cursor, statement in zip(cursors, sent, strict=True):
                cursor.execute(statement.declaration.sql, statement.server_values())
            if snapshot:
                connection.execute("COMMIT")
    except Exception:
        if snapshot and not connection.closed:
            connection.rollback()
        with translated(first_unanswered(sent, cursors), writes=any(map(writing, sent))):
            raise
    return [
        statement.declaration.read(cursor.fetchall() if cursor.description else [])
        for cursor, statement in zip(cursors, sent, strict=True)
    ]


@contextmanager
def _stream(connection: _Connection, statement: Statement[list[T]]) -> Iterator[Iterator[T]]:
    runnable(statement)
    reader = statement.declaration.reader
    cursor = RawCursor(connection, row_factory=reader.row_factory)
    with translated(statement.declaration), _unhurried(connection):
        rows = cursor.stream(statement.declaration.sql, statement.server_values(), size=STREAM_CHUNK)
        with closing(cast("Generator[object]", rows)):
            yield cast("Iterator[T]", reader.assemble(rows))


def _copy_in(connection: _Connection, rows: Iterable[Statement[None]]) -> int:
    iterator = iter(rows)
    first = next(iterator, None)
    if first is None:
        return 0
    values = loader(first)
    cursor = RawCursor(connection)
    with translated(first.declaration), _unhurried(connection), cursor.copy(first.declaration.sql) as copy:
        for row in chain([first], iterator):
            copy.write_row(values(row))
    return cursor.rowcount


@contextmanager
def _unhurried(connection: _Connection) -> Iterator[None]:
    """A transaction or savepoint in which one statement may take as long as its rows do."""
    with connection.transaction() as block:
        connection.execute(NO_TIMEOUT)
        yield
        if connection.info.transaction_status == TransactionStatus.INERROR:
            raise Rollback(block)  # whoever read the rows stopped early, which cancelled the statement
        connection.execute(USUAL_TIMEOUT)


@contextmanager
def _transaction(connection: _Connection) -> Iterator[Transaction]:
    with ExitStack() as stack:
        # Lost at its beginning, a transaction has not happened; at its COMMIT, nobody knows.
        stack.enter_context(translated(writes=True))
        with translated():
            stack.enter_context(connection.transaction())
        transaction = Transaction(connection)
        try:
            yield transaction
        finally:
            transaction._end()  # noqa: SLF001  of this module
        # psycopg would commit, the server would roll back, and nobody would be told.
        if connection.info.transaction_status == TransactionStatus.INERROR:
            raise TransactionAborted
