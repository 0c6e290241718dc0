"""A transaction that is under way, its savepoints, and how each of them ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from math import inf
from typing import TypeVar

from psycopg.pq import TransactionStatus

from atb_db.batch import Batch
from atb_db.config import Settings
from atb_db.database.bulk import AnyRows
from atb_db.database.connecting import deadline, runnable
from atb_db.database.connections import Connection
from atb_db.database.retry import Requests
from atb_db.database.sync.running import run, run_many
from atb_db.database.sync.streams import copy_in, stream
from atb_db.database.translation import DRIVER_ERRORS, check_replicated, translated
from atb_db.errors import AtbDbError, StatementError, TransactionAborted
from atb_db.statement import Kind, Statement

R = TypeVar("R")
T = TypeVar("T")


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
        return run(self._ready([statement], until, statement.name), statement, alone=False)

    def run_many(self, statements: Iterable[Statement[R]], *, timeout: float | None = None) -> list[R]:
        """Run statements inside the transaction in one round trip; as `Database.run_many`."""
        sent = list(statements)
        connection = self._ready(sent, deadline(self._settings, None, timeout), "run_many")
        return run_many(connection, sent, alone=False)

    def run_batch(self, batch: Batch[R], *, timeout: float | None = None) -> R:
        """Run a batch's queries inside the transaction in one round trip; the value that they make.

        They see one snapshot only if the transaction has one.
        """
        return batch.assemble(self.run_many(batch.statements, timeout=timeout))

    @contextmanager
    def stream(self, statement: Statement[list[T]]) -> Iterator[Iterator[T]]:
        """The rows of a query as they arrive; as `Database.stream`. Nothing else can run until they are read."""
        with stream(self._ready([], inf, statement.name), statement) as rows:
            yield rows

    def copy_in(self, rows: AnyRows) -> int:
        """Bulk-load rows inside the transaction; as `Database.copy_in`."""
        return copy_in(self._ready([], inf, "a bulk load"), rows)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A savepoint: an exception undoes this block only, and the outer transaction can go on."""
        connection = self._ready([], self._usual(), "a savepoint")
        with begun(connection), in_transaction(connection, self._settings, self._until, self._requests) as transaction:
            yield transaction


@contextmanager
def begun(connection: Connection) -> Iterator[None]:
    """A transaction or savepoint. Lost at its beginning, it has not happened; at its COMMIT, nobody knows.

    An exception of the block takes precedence over one of its ROLLBACK: without a COMMIT nothing is stored.
    """
    raised: Exception | None = None
    try:
        with ExitStack() as stack:
            stack.enter_context(translated(writes=True))
            with translated():
                stack.enter_context(connection.transaction())
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


@contextmanager
def in_transaction(
    connection: Connection, settings: Settings, until: float, requests: Requests | None = None
) -> Iterator[Transaction]:
    """The transaction that a connection is in, for the block; its end is checked."""
    transaction = Transaction(connection, settings, until, requests)
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
