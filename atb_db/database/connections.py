"""Connections that never wait past their deadline, know when they are dead, and do not take a warning for a success."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from math import inf
from time import monotonic, sleep
from types import TracebackType
from typing import Final, Self, TypeVar, cast

import psycopg
from psycopg import waiting
from psycopg.abc import PQGen, PQGenConn
from psycopg.pq import ConnStatus, PipelineStatus, TransactionStatus
from psycopg.pq.abc import PGconn
from psycopg.waiting import Ready, Wait

from atb_db.database.addresses import Turns, connecting
from atb_db.database.forking import cut_in_children
from atb_db.database.observing import Observer
from atb_db.database.prepared import Prepared
from atb_db.database.private import is_unfinished
from atb_db.errors import StatementError
from atb_db.statement import Declared

R = TypeVar("R")

_INTERVAL: Final = 0.1
_TURN: Final = 0.001
_CANCEL: Final = 30.0
_REPLICATION_WAIT: Final = "SyncRepWaitForLSN"


class DeadlinePassed(psycopg.OperationalError):
    """There was no answer in time; the connection was closed, and nothing was cancelled."""


class Replication:
    """Whether a COMMIT came back without its standby."""

    waived = False

    def notice(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        """Note the server's warning that it did not wait for the standby; it answers as if all were well."""
        if diagnostic.source_function == _REPLICATION_WAIT:
            self.waived = True


class GivenUp:
    """A block that closes the connection's socket when it is interrupted, before anything else is sent on it.

    Leaving psycopg's own blocks sends more: a Sync, which commits what a pipeline has sent so far, a ROLLBACK or a
    cancel; and waits for the answer.
    """

    __slots__ = ("_abandon", "_spares")

    def __init__(self, abandon: Callable[[], None], spares: Callable[[BaseException], bool]) -> None:
        self._abandon = abandon
        self._spares = spares

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None and not self._spares(error):
            self._abandon()


def _is_ordinary(error: BaseException) -> bool:
    return isinstance(error, Exception)


def _is_refusal(error: BaseException) -> bool:
    return isinstance(error, psycopg.Error) and error.sqlstate is not None


class Guarded:
    """What both kinds of connections have."""

    pgconn: PGconn
    until: float = inf
    """`time.monotonic()` at which waiting for the server ends."""
    stall: float = inf
    """Seconds that the server may take to make any progress."""
    streaming: str | None = None
    """The statement whose rows are read on it."""
    ended: Callable[[], object] | None = None
    """Says that it is closed; else its pool would miss it."""
    observer: Observer | None = None
    """Hears of every round trip on it."""
    replication: Replication
    prepared: Prepared

    def begin_watch(self) -> None:
        """Prepare `is_dead`."""
        self._poll = select.poll()
        self._poll.register(self.pgconn.socket, select.POLLIN)

    def is_dead(self) -> bool:
        """Whether the server has hung up, as far as this machine knows: an idle server has nothing else to say."""
        return self.pgconn.status != ConnStatus.OK or bool(self._poll.poll(0))

    def is_busy(self) -> bool:
        """Whether it is in the middle of something, where an interruption may have left it, or psycopg thinks so."""
        connection = cast("psycopg.Connection[object]", self)
        return (
            self.pgconn.transaction_status != TransactionStatus.IDLE
            or self.pgconn.pipeline_status != PipelineStatus.OFF
            or connection.lock.locked()
            or is_unfinished(self)
        )

    def abandon(self) -> None:
        """Close the socket without waiting for anything; the server stops what it does when it finds out."""
        self.pgconn.finish()

    @contextmanager
    def read_by(self, name: str) -> Iterator[None]:
        """A block in which the rows of a statement are read as they come, and nothing else can run."""
        self.streaming = name
        try:
            yield
        finally:
            self.streaming = None

    def refuse_while_streaming(self, name: str) -> None:
        """Refuse what would wait until the rows of a stream are read.

        Raises:
            StatementError: a stream is being read on the connection.
        """
        if self.streaming is not None:
            raise StatementError(
                f"cannot run while the rows of {self.streaming} are streamed in the same transaction: "
                "read them to the end first, or use the Database, which takes another connection",
                statement=name,
            )

    def interruptible(self) -> GivenUp:
        """A block after which the connection is closed if anything but an `Exception` leaves it."""
        return GivenUp(self.abandon, _is_ordinary)

    def all_or_nothing(self) -> GivenUp:
        """A block after which the connection is closed if anything but the server's own refusal leaves it.

        After a refusal, a pipeline's Sync commits nothing.
        """
        return GivenUp(self.abandon, _is_refusal)

    def _limit(self, given: float | None) -> float | None:
        """Seconds that one wait may take."""
        if given is not None:
            return given
        left = min(self.until - monotonic(), self.stall)
        if left <= 0:
            self.abandon()
            raise DeadlinePassed("the deadline has passed")
        return None if left == inf else left

    def _late(self, error: BaseException, end: float) -> bool:
        """Whether a wait ended because the deadline came first; if anything interrupted it, give the connection up."""
        if isinstance(error, psycopg.Error):
            if not isinstance(error, psycopg.OperationalError) or error.sqlstate is not None or monotonic() < end:
                return False
            self.abandon()
            return True
        if not isinstance(error, Exception) or self.pgconn.transaction_status == TransactionStatus.ACTIVE:
            self.abandon()
        return False


class Connection(Guarded, psycopg.Connection[tuple[object, ...]]):
    """A connection for threads."""

    def set_up(self) -> None:
        """Get ready for statements: once connected, and before anything else."""
        cut_in_children(self)
        self.replication = Replication()
        self.add_notice_handler(self.replication.notice)
        self.prepared = Prepared(self)

    def close(self) -> None:
        """Close it; its pool knows."""
        if self.ended is not None:
            self.ended()
        super().close()

    def turn(self, until: float) -> None:
        """Wait while another thread uses the connection, but no longer than until then."""
        while self.lock.locked():
            if monotonic() >= until:
                raise DeadlinePassed("the connection was in use until the deadline")
            sleep(_TURN)

    def cancel_safe(self, *, timeout: float = _CANCEL) -> None:
        """As psycopg's, but no longer than the server may take; one that does not answer is not waited for again."""
        try:
            super().cancel_safe(timeout=min(timeout, self._limit(None) or timeout))
        except psycopg.errors.CancellationTimeout:
            self.abandon()
            raise

    def ask(self, declaration: Declared[object], values: Sequence[str | None]) -> list[object]:
        """Run a statement; its rows, made but not joined."""
        known = self.prepared.run(declaration, values)
        if known is not None:
            with self.lock:
                return self.wait(known)
        cursor = psycopg.RawCursor(self, row_factory=declaration.reader.row_factory)
        cursor.execute(declaration.sql, values)
        self.prepared.ran.add(declaration.sql)
        return cursor.fetchall() if cursor.description else []

    @classmethod
    def _connect_gen(cls, *arguments: str, **keywords: str) -> PQGenConn[Self]:
        # psycopg knows whole seconds, and at least two of them. Where it does not call this, those are what there is.
        steps = super()._connect_gen(*arguments, **keywords)
        return _bounded(steps, connecting.get()) if hasattr(steps, "send") else steps

    def wait(self, gen: PQGen[R], interval: float = _INTERVAL, timeout: float | None = None) -> R:
        """As psycopg's, but past the deadline or interrupted the socket is closed.

        psycopg would send a cancel and wait for the answer; and a cancelled COMMIT would look like a success.
        """
        seconds = self._limit(timeout)
        end = inf if seconds is None or timeout is not None else monotonic() + seconds
        try:
            return waiting.wait(gen, self.pgconn.socket, interval, seconds)
        except BaseException as error:
            if self._late(error, end):
                raise DeadlinePassed("the server did not answer in time") from None
            raise


class AsyncConnection(Guarded, psycopg.AsyncConnection[tuple[object, ...]]):
    """A connection for tasks."""

    def set_up(self) -> None:
        """As `Connection.set_up`."""
        cut_in_children(self)
        self.replication = Replication()
        self.add_notice_handler(self.replication.notice)
        self.prepared = Prepared(self)

    async def close(self) -> None:
        """As `Connection.close`."""
        if self.ended is not None:
            self.ended()
        await super().close()

    async def turn(self, until: float) -> None:
        """As `Connection.turn`."""
        while self.lock.locked():
            if monotonic() >= until:
                raise DeadlinePassed("the connection was in use until the deadline")
            await asyncio.sleep(_TURN)

    async def cancel_safe(self, *, timeout: float = _CANCEL) -> None:
        """As `Connection.cancel_safe`."""
        try:
            await super().cancel_safe(timeout=min(timeout, self._limit(None) or timeout))
        except psycopg.errors.CancellationTimeout:
            self.abandon()
            raise

    async def ask(self, declaration: Declared[object], values: Sequence[str | None]) -> list[object]:
        """As `Connection.ask`."""
        known = self.prepared.run(declaration, values)
        if known is not None:
            async with self.lock:
                return await self.wait(known)
        cursor = psycopg.AsyncRawCursor(self, row_factory=declaration.reader.row_factory)
        await cursor.execute(declaration.sql, values)
        self.prepared.ran.add(declaration.sql)
        return await cursor.fetchall() if cursor.description else []

    @classmethod
    def _connect_gen(cls, *arguments: str, **keywords: str) -> PQGenConn[Self]:
        steps = super()._connect_gen(*arguments, **keywords)
        return _bounded(steps, connecting.get()) if hasattr(steps, "send") else steps

    async def wait(self, gen: PQGen[R], interval: float = _INTERVAL, timeout: float | None = None) -> R:
        """As `Connection.wait`."""
        seconds = self._limit(timeout)
        end = inf if seconds is None or timeout is not None else monotonic() + seconds
        try:
            return await waiting.wait_async(gen, self.pgconn.socket, interval, seconds)
        except BaseException as error:
            if self._late(error, end):
                raise DeadlinePassed("the server did not answer in time") from None
            raise


def _bounded(steps: PQGenConn[R], turns: Turns | None) -> Generator[tuple[int, Wait], Ready | int, R]:
    """The same steps until this address has had its turn: psycopg takes one at least every tenth of a second."""
    until = inf if turns is None else turns.next()
    try:
        wanted = next(steps)
        while True:
            ready = yield wanted
            if monotonic() >= until:
                raise psycopg.errors.ConnectionTimeout("connection timeout expired")
            wanted = steps.send(ready)
    except StopIteration as done:
        connected: R = done.value
        return connected
    finally:
        steps.close()
