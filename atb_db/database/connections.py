"""Connections that never wait past their deadline, know when they are dead, and do not take a warning for a success."""

from __future__ import annotations

import select
from collections.abc import Generator, Sequence
from contextvars import ContextVar
from math import inf
from time import monotonic
from typing import Final, Self, TypeVar

import psycopg
from psycopg.abc import PQGen, PQGenConn
from psycopg.pq import ConnStatus, PipelineStatus, TransactionStatus
from psycopg.pq.abc import PGconn
from psycopg.waiting import Ready, Wait

from atb_db.database.prepared import Prepared
from atb_db.statement import Declared

R = TypeVar("R")

_INTERVAL: Final = 0.1
_REPLICATION_WAIT: Final = "SyncRepWaitForLSN"

connecting_until: ContextVar[float] = ContextVar("connecting_until", default=inf)
"""`time.monotonic()` at which this thread gives up connecting."""


class DeadlinePassed(psycopg.OperationalError):
    """There was no answer in time; the connection was closed, and nothing was cancelled."""


class Replication:
    """Whether a COMMIT came back without its standby."""

    waived = False

    def notice(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        """Note the server's warning that it did not wait for the standby; it answers as if all were well."""
        if diagnostic.source_function == _REPLICATION_WAIT:
            self.waived = True


class Guarded:
    """What both kinds of connections have."""

    pgconn: PGconn
    until: float = inf
    """`time.monotonic()` at which waiting for the server ends."""
    stall: float = inf
    """Seconds that the server may take to make any progress."""
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
        """Whether it is in the middle of something, where an interrupt may have left it."""
        pgconn = self.pgconn
        return pgconn.transaction_status != TransactionStatus.IDLE or pgconn.pipeline_status != PipelineStatus.OFF

    def abandon(self) -> None:
        """Close the socket without waiting for anything; the server stops what it does when it finds out."""
        self.pgconn.finish()

    def _limit(self, given: float | None) -> float | None:
        """Seconds that one wait may take."""
        if given is not None:
            return given
        left = min(self.until - monotonic(), self.stall)
        if left <= 0:
            self.abandon()
            raise DeadlinePassed("the deadline has passed")
        return None if left == inf else left

    def _late(self, error: psycopg.OperationalError, end: float) -> bool:
        """Whether the wait ended because the deadline came first."""
        if error.sqlstate is not None or monotonic() < end:
            return False
        self.abandon()
        return True


class Connection(Guarded, psycopg.Connection[tuple[object, ...]]):
    """A connection for threads."""

    def watch_replication(self) -> None:
        """Listen for the server's warning that it did not wait for the standby."""
        self.replication = Replication()
        self.add_notice_handler(self.replication.notice)
        self.prepared = Prepared(self)

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
        connecting = super()._connect_gen(*arguments, **keywords)
        return _bounded(connecting, connecting_until.get()) if hasattr(connecting, "send") else connecting

    def wait(self, gen: PQGen[R], interval: float = _INTERVAL, timeout: float | None = None) -> R:
        """As psycopg's, and past the deadline the socket is closed: a cancelled COMMIT would look like a success."""
        seconds = self._limit(timeout)
        end = inf if seconds is None or timeout is not None else monotonic() + seconds
        try:
            return super().wait(gen, interval, seconds)
        except psycopg.OperationalError as error:
            if self._late(error, end):
                raise DeadlinePassed("the server did not answer in time") from None
            raise


class AsyncConnection(Guarded, psycopg.AsyncConnection[tuple[object, ...]]):
    """A connection for tasks."""

    def watch_replication(self) -> None:
        """As `Connection.watch_replication`."""
        self.replication = Replication()
        self.add_notice_handler(self.replication.notice)
        self.prepared = Prepared(self)

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

    async def wait(self, gen: PQGen[R], interval: float = _INTERVAL, timeout: float | None = None) -> R:
        """As `Connection.wait`."""
        seconds = self._limit(timeout)
        if seconds is None or timeout is not None:
            return await super().wait(gen, interval, timeout)
        end = monotonic() + seconds
        try:
            return await super().wait(gen, interval, seconds)
        except psycopg.OperationalError as error:
            if self._late(error, end):
                raise DeadlinePassed("the server did not answer in time") from None
            raise


def _bounded(connecting: PQGenConn[R], until: float) -> Generator[tuple[int, Wait], Ready | int, R]:
    """The same steps until the deadline: psycopg takes one at least every tenth of a second."""
    try:
        wanted = next(connecting)
        while True:
            ready = yield wanted
            if monotonic() >= until:
                raise psycopg.errors.ConnectionTimeout("connection timeout expired")
            wanted = connecting.send(ready)
    except StopIteration as done:
        connected: R = done.value
        return connected
    finally:
        connecting.close()
