"""Pools of connections: whoever needs one connects, in its own thread or task and within its own deadline.

So an error of connecting is the caller's, who retries it like any other lost connection, and nothing happens in the
background. What is idle and dead is left out when it is asked for.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from math import inf
from random import uniform
from threading import Lock
from time import monotonic
from typing import Final, Generic, NamedTuple, TypeVar

from psycopg.pq import TransactionStatus

from atb_db.config import Settings
from atb_db.database.guarded import AsyncConnection, Connection, Guarded
from atb_db.errors import AtbDbError, PoolExhausted

G = TypeVar("G", bound=Guarded)

LIFETIME: Final = 3600.0
"""Seconds after which a connection is replaced, less up to a tenth so that not all are at once."""
IDLE: Final = 600.0
"""Seconds after which a connection that nobody needed is closed."""


class PoolStatistics(NamedTuple):
    """The connection pool at this moment."""

    open: int
    """Connections that are open or being opened."""
    idle: int
    """Connections that nobody uses."""
    waiting: int
    """Callers that wait for a connection."""
    limit: int
    """Connections that may be open at the most."""


class Shelf(Generic[G]):
    """The idle connections and the counts: what both pools have."""

    def __init__(self, settings: Settings) -> None:
        self._least = settings.pool_min
        self._most = settings.pool_max
        self._longest_wait = settings.pool_timeout or inf
        self._longest_queue = settings.pool_waiting
        self._idle: list[G] = []
        self._taken = 0
        self._waiting = 0
        self._closed = False
        self._swept = monotonic()

    def statistics(self) -> PoolStatistics:
        """The pool at this moment."""
        return PoolStatistics(self._taken + len(self._idle), len(self._idle), self._waiting, self._most)

    def drain(self) -> None:
        """Close what is idle: one connection was lost, and finding out one by one would take a wait for each."""
        for _ in range(len(self._idle)):
            if (connection := self._take()) is not None:
                connection.abandon()

    def _fit(self) -> G | None:
        """The idle connection that was used last, if one is alive."""
        while (connection := self._take()) is not None:
            if connection.expires > monotonic() and not connection.is_dead():
                return connection
            connection.abandon()
        return None

    def _take(self, place: int = -1) -> G | None:
        try:
            return self._idle.pop(place)
        except IndexError:  # another thread was faster
            return None

    def _new(self, connection: G) -> G:
        connection.begin_watch()
        connection.expires = monotonic() + LIFETIME * uniform(0.9, 1)  # noqa: S311  no secret
        return connection

    def _shelve(self, connection: G) -> None:
        """Keep the connection if it can be used again, and close the one that nobody has needed for long."""
        now = monotonic()
        if self._closed or connection.expires <= now or connection.pgconn.transaction_status != TransactionStatus.IDLE:
            connection.abandon()
            return
        connection.used = now
        self._idle.append(connection)
        if len(self._idle) > self._least and self._swept < now - IDLE / 2:
            self._swept = now
            for unused in [other for other in self._idle[: -self._least or None] if other.used < now - IDLE]:
                with suppress(ValueError):  # another thread was faster
                    self._idle.remove(unused)
                    unused.abandon()

    def _check_open(self) -> None:
        if self._closed:
            raise AtbDbError("the database is closed")

    def _check_queue(self) -> None:
        if self._waiting >= self._longest_queue:
            raise PoolExhausted(f"no connection was to be had: all {self._most} are in use and {self._waiting} wait")

    def _wait_until(self, until: float) -> float:
        return min(until - monotonic(), self._longest_wait)

    def _late(self, seconds: float) -> PoolExhausted:
        return PoolExhausted(f"no connection was to be had: all {self._most} were in use for {max(seconds, 0):.3g} s")


class Pool(Shelf[Connection]):
    """Connections that threads share; who waits is served in order."""

    def __init__(self, settings: Settings, connect: Callable[[float], Connection]) -> None:
        super().__init__(settings)
        self._connect = connect
        self._lock = Lock()
        self._queue: deque[Lock] = deque()

    @contextmanager
    def connection(self, until: float = inf) -> Iterator[Connection]:
        """A connection for the block, which works until that moment of `time.monotonic()`.

        Raises:
            PoolExhausted: none was free in time, or too many wait already.
            Unavailable: the server cannot be reached.
        """
        self._claim(until)
        connection = None
        try:
            connection = self._fit()
            if connection is None:
                connection = self._new(self._connect(until))
            connection.until = until
            yield connection
        finally:
            with self._lock:
                if connection is not None:
                    self._shelve(connection)
                self._pass_on()

    def _claim(self, until: float) -> None:
        """Take a place among the connections, or wait until one is passed on."""
        with self._lock:
            self._check_open()
            if self._taken < self._most:
                self._taken += 1
                return
            self._check_queue()
            turn = Lock()
            turn.acquire()
            self._queue.append(turn)
            self._waiting = len(self._queue)
        seconds = self._wait_until(until)
        came = False
        try:
            came = turn.acquire(timeout=-1 if seconds == inf else max(seconds, 0))
        finally:
            if not came:
                self._leave(turn)
        if not came:
            raise self._late(seconds)
        self._check_open()

    def _leave(self, turn: Lock) -> None:
        """Wait no longer; a place that came at the same moment is passed on."""
        with self._lock:
            if turn in self._queue:
                self._queue.remove(turn)
                self._waiting = len(self._queue)
            else:
                self._pass_on()

    def _pass_on(self) -> None:
        """Give the place to whoever waits longest."""
        if self._queue:
            self._queue.popleft().release()
            self._waiting = len(self._queue)
        else:
            self._taken -= 1

    def close(self) -> None:
        """Close what is idle now and what is in use when it comes back; whoever waits is refused."""
        with self._lock:
            self._closed = True
            self._taken += len(self._queue)
            while self._queue:
                self._pass_on()
        self.drain()


class AsyncPool(Shelf[AsyncConnection]):
    """Connections that the tasks of one event loop share; who waits is served in order."""

    def __init__(self, settings: Settings, connect: Callable[[float], Awaitable[AsyncConnection]]) -> None:
        super().__init__(settings)
        self._connect = connect
        self._places = asyncio.Semaphore(self._most)

    @asynccontextmanager
    async def connection(self, until: float = inf) -> AsyncIterator[AsyncConnection]:
        """As `Pool.connection`."""
        await self._claim(until)
        connection = None
        try:
            connection = self._fit()
            if connection is None:
                connection = self._new(await self._connect(until))
            connection.until = until
            yield connection
        finally:
            if connection is not None:
                self._shelve(connection)
            self._taken -= 1
            self._places.release()

    async def _claim(self, until: float) -> None:
        self._check_open()
        if self._places.locked():
            self._check_queue()
            seconds = self._wait_until(until)
            self._waiting += 1
            try:
                async with asyncio.timeout(None if seconds == inf else seconds):
                    await self._places.acquire()
            except TimeoutError:
                raise self._late(seconds) from None
            finally:
                self._waiting -= 1
            if self._closed:
                self._places.release()
                self._check_open()
        else:
            await self._places.acquire()
        self._taken += 1

    async def close(self) -> None:
        """As `Pool.close`."""
        self._closed = True
        self.drain()
