"""psycopg_pool's pools, with deadlines: nobody gets a connection that is dead, or waits longer than its call may take.

psycopg_pool connects in the background. Each attempt is told its own deadline, the newest failure is the reason that
callers are given, and as long as anybody waits there is another attempt every half second.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from math import inf
from time import monotonic
from typing import Final, NamedTuple, cast
from weakref import ref

from psycopg_pool import AsyncConnectionPool, ConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from atb_db.config import Settings
from atb_db.database.connections import AsyncConnection, Connection, Guarded
from atb_db.database.forking import renew_in_children
from atb_db.database.private import (
    async_lock_of,
    connect_one_more,
    is_of_pool,
    leave_to_parent,
    lock_of,
    queue_of,
    remove_late,
)
from atb_db.database.retry import CONNECTING
from atb_db.errors import AtbDbError, ConfigurationError, PoolExhausted, Unavailable

LIFETIME: Final = 3600.0
"""Seconds after which a connection is replaced, less up to a tenth so that not all are at once."""
IDLE: Final = 600.0
"""Seconds after which a connection that nobody needed is closed."""
_FOREVER: Final = 1e9
_CLOSING: Final = 2.0


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


class _Attempts:
    """What both pools know of their attempts to connect."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.trouble: AtbDbError | None = None
        self.under_way: list[None] = []
        self.begun = False

    def wait(self, until: float) -> float:
        """Seconds that a call may wait for a connection."""
        return min(until - monotonic(), self.settings.pool_timeout or _FOREVER)

    def refusal(self, error: Exception, seconds: float, *, exact: bool) -> AtbDbError:
        """Why there is no connection; `exact` is whether only those who still wait were counted."""
        most = self.settings.pool_max
        if isinstance(error, PoolClosed):
            return AtbDbError("the database is closed")
        if isinstance(error, TooManyRequests) and (exact or self.trouble is None):
            waiting = self.settings.pool_waiting
            return PoolExhausted(f"no connection was to be had: all {most} are in use and {waiting} wait")
        if isinstance(self.trouble, ConfigurationError):
            return ConfigurationError(self.trouble.message)
        if self.trouble is not None:
            return Unavailable(self.trouble.message, sqlstate=self.trouble.sqlstate)
        if self.under_way:
            return Unavailable("the server did not accept a connection in time")
        return PoolExhausted(f"no connection was to be had: all {most} were in use for {max(seconds, 0):.3g} s")

    def statistics(self, stats: dict[str, int]) -> PoolStatistics:
        """psycopg_pool's figures under plain names."""
        return PoolStatistics(
            open=stats.get("pool_size", 0),
            idle=stats.get("pool_available", 0),
            waiting=stats.get("requests_waiting", 0),
            limit=self.settings.pool_max,
        )

    def arguments(self) -> dict[str, float]:
        """What both of psycopg_pool's classes are told."""
        return {
            "min_size": self.settings.pool_min,
            "max_size": self.settings.pool_max,
            "max_waiting": self.settings.pool_waiting,
            "max_lifetime": LIFETIME,
            "max_idle": IDLE,
            "reconnect_timeout": CONNECTING,
        }


class _Loans:
    """Which connections a pool has to find somewhere: in itself, or with somebody.

    An interruption may come between any two steps of Python, also while a connection changes hands; then nobody has it.
    """

    def __init__(self) -> None:
        self._known: set[ref[Guarded]] = set()
        self.gone: deque[ref[Guarded]] = deque()
        """Connections that nobody has any more, closed properly or not."""

    def add(self, connection: Guarded) -> None:
        """Look after it until it is closed."""
        known = ref(connection, self.gone.append)
        self._known.add(known)
        connection.ended = partial(self._known.discard, known)

    def lost(self) -> Iterator[None]:
        """Once for each that is gone and was never closed."""
        self.gone.clear()
        for known in [one for one in self._known.copy() if one() is None]:
            with suppress(KeyError):  # another thread was faster
                self._known.remove(known)
                yield None


class Pool:
    """Connections that threads share; who waits is served in order."""

    def __init__(self, settings: Settings, connect: Callable[[float], Connection]) -> None:
        self._settings = settings
        self._connect = connect
        self._parents: list[ConnectionPool[Connection]] = []
        self._begin()
        renew_in_children(self, Pool._renew)

    def _begin(self) -> None:
        self._attempts = _Attempts(self._settings)
        self._loans = _Loans()
        self.shaken = False
        """Whether a thread was interrupted that may have been giving or taking."""
        self._pool = ConnectionPool[Connection](
            connection_class=cast("type[Connection]", self),  # psycopg_pool asks it for `connect` only
            reconnect_failed=self._try_on,
            open=False,
            **self._attempts.arguments(),  # type: ignore[arg-type]
        )

    def _renew(self) -> None:
        """In a forked child: begin again, without the connections and threads of the parent."""
        parent = self._pool
        if not parent.closed:
            leave_to_parent(parent)
            self._parents.append(parent)
            self._begin()
        elif not self._attempts.begun:
            self._begin()

    def connect(self, _conninfo: str, **_keywords: object) -> Connection:
        """A new connection, for psycopg_pool."""
        self._attempts.under_way.append(None)
        try:
            connection = self._connect(inf)  # libpq's connect_timeout bounds it
        except AtbDbError as error:
            self._attempts.trouble = error
            raise
        finally:
            self._attempts.under_way.pop()
        self._attempts.trouble = None
        connection.begin_watch()
        self._loans.add(connection)
        return connection

    def open(self, until: float) -> Connection:
        """Start the pool; a connection that was made first and shows that it can be, or why not."""
        connection = self._connect(until)
        self._pool.open()
        self._attempts.begun = True
        return connection

    @contextmanager
    def connection(self, until: float = inf) -> Iterator[Connection]:
        """A connection for the block; as `take`."""
        try:
            connection = self.take(until)
            try:
                yield connection
            finally:
                self.give(connection)
        except BaseException as error:
            self.shaken = self.shaken or not isinstance(error, Exception)
            raise

    def give(self, connection: Connection) -> None:
        """Take a connection back; one that is in the middle of something is closed."""
        if connection.is_busy():
            connection.abandon()
            if is_of_pool(connection, self._pool):  # else it is the parent's, and this a forked child
                self._pool.putconn(connection)
            if connection.ended is not None:
                connection.ended()
        else:
            self._pool.putconn(connection)

    def take(self, until: float) -> Connection:
        """A connection that works until that moment of `time.monotonic()`; it must be given back.

        Raises:
            PoolExhausted: none was free in time, or too many wait already.
            Unavailable: the server cannot be reached.
        """
        if not self._attempts.begun:
            self.open(until).close()
        if self._loans.gone or self.shaken:
            self._replace_lost()
        while True:
            seconds = self._attempts.wait(until)
            try:
                connection = self._pool.getconn(timeout=seconds)
            except (PoolTimeout, PoolClosed, TooManyRequests) as error:
                raise self._attempts.refusal(error, seconds, exact=self._leave_queue()) from None
            if not connection.is_dead():
                connection.until = until
                return connection
            connection.abandon()
            self.give(connection)

    def _replace_lost(self) -> None:
        """Connect again for each connection that an interruption has lost, as psycopg_pool does for broken ones."""
        if self.shaken:
            self.shaken = False
            gc.collect()  # the interruption's traceback may still hold one
        for _ in self._loans.lost():
            connect_one_more(self._pool)

    def _leave_queue(self) -> bool:
        """Forget who gave up waiting; whether that can be done with this release of psycopg_pool."""
        lock, waiting = lock_of(self._pool), queue_of(self._pool)
        if lock is None or waiting is None:
            return False
        with lock:
            remove_late(waiting)
        return True

    def _try_on(self, pool: ConnectionPool[Connection]) -> None:
        """Attempt once more for whoever waits: psycopg_pool itself does so only for the next caller."""
        if pool.get_stats().get("requests_waiting"):
            least, most = pool.min_size, pool.max_size
            pool.resize(least + 1, max(most, least + 1))
            pool.resize(least, most)

    def drain(self) -> None:
        """Replace what is idle: one connection was lost, and finding out one by one would take a wait for each."""
        if not self._pool.closed:
            self._pool.drain()

    def statistics(self) -> PoolStatistics:
        """The pool at this moment."""
        return self._attempts.statistics(self._pool.get_stats())

    def close(self) -> None:
        """Close what is idle now and what is in use when it comes back; whoever waits is refused."""
        self._attempts.begun = True
        self._pool.close(timeout=_CLOSING)


class AsyncPool:
    """Connections that the tasks of one event loop share; otherwise as `Pool`."""

    def __init__(self, settings: Settings, connect: Callable[[float], Awaitable[AsyncConnection]]) -> None:
        self._settings = settings
        self._connect = connect
        self._parents: list[AsyncConnectionPool[AsyncConnection]] = []
        self._begin()
        renew_in_children(self, AsyncPool._renew)

    def _begin(self) -> None:
        self._attempts = _Attempts(self._settings)
        self._loans = _Loans()
        self._pool = AsyncConnectionPool[AsyncConnection](
            connection_class=cast("type[AsyncConnection]", self),
            reconnect_failed=self._try_on,
            open=False,
            **self._attempts.arguments(),  # type: ignore[arg-type]
        )

    def _renew(self) -> None:
        """As `Pool._renew`."""
        parent = self._pool
        if not parent.closed:
            leave_to_parent(parent)
            self._parents.append(parent)
            self._begin()
        elif not self._attempts.begun:
            self._begin()

    async def connect(self, _conninfo: str, **_keywords: object) -> AsyncConnection:
        """As `Pool.connect`."""
        self._attempts.under_way.append(None)
        try:
            connection = await self._connect(inf)
        except AtbDbError as error:
            self._attempts.trouble = error
            raise
        finally:
            self._attempts.under_way.pop()
        self._attempts.trouble = None
        connection.begin_watch()
        self._loans.add(connection)
        return connection

    async def open(self, until: float) -> AsyncConnection:
        """As `Pool.open`."""
        connection = await self._connect(until)
        await self._pool.open()
        self._attempts.begun = True
        return connection

    @asynccontextmanager
    async def connection(self, until: float = inf) -> AsyncIterator[AsyncConnection]:
        """As `Pool.connection`."""
        connection = await self.take(until)
        try:
            yield connection
        finally:
            await self.give(connection)

    async def give(self, connection: AsyncConnection) -> None:
        """As `Pool.give`."""
        if connection.is_busy():
            connection.abandon()
            if is_of_pool(connection, self._pool):  # else it is the parent's, and this a forked child
                await self._pool.putconn(connection)
            if connection.ended is not None:
                connection.ended()
        else:
            await self._pool.putconn(connection)

    async def take(self, until: float) -> AsyncConnection:
        """As `Pool.take`."""
        if not self._attempts.begun:
            await (await self.open(until)).close()
        if self._loans.gone:
            self._replace_lost()
        while True:
            seconds = self._attempts.wait(until)
            try:
                connection = await self._pool.getconn(timeout=seconds)
            except (PoolTimeout, PoolClosed, TooManyRequests) as error:
                raise self._attempts.refusal(error, seconds, exact=await self._leave_queue()) from None
            if not connection.is_dead():
                connection.until = until
                return connection
            connection.abandon()
            await self.give(connection)

    def _replace_lost(self) -> None:
        """As `Pool._replace_lost`."""
        for _ in self._loans.lost():
            connect_one_more(self._pool)

    async def _leave_queue(self) -> bool:
        """As `Pool._leave_queue`."""
        lock, waiting = async_lock_of(self._pool), queue_of(self._pool)
        if lock is None or waiting is None:
            return False
        async with lock:
            remove_late(waiting)
        return True

    async def _try_on(self, pool: AsyncConnectionPool[AsyncConnection]) -> None:
        """As `Pool._try_on`."""
        if pool.get_stats().get("requests_waiting"):
            least, most = pool.min_size, pool.max_size
            await pool.resize(least + 1, max(most, least + 1))
            await pool.resize(least, most)

    async def drain(self) -> None:
        """As `Pool.drain`."""
        if not self._pool.closed:
            await self._pool.drain()

    def statistics(self) -> PoolStatistics:
        """As `Pool.statistics`."""
        return self._attempts.statistics(self._pool.get_stats())

    async def close(self) -> None:
        """As `Pool.close`."""
        self._attempts.begun = True
        await self._pool.close(timeout=_CLOSING)
