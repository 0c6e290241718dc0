"""The pool of connections that the tasks of one event loop share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from math import inf
from typing import cast

from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from atb_db.config import Settings
from atb_db.database.connections import AsyncConnection
from atb_db.database.forking import renew_in_children
from atb_db.database.observing import PoolStatistics
from atb_db.database.pooling import CLOSING, Attempts, Loans
from atb_db.database.private import async_lock_of, connect_one_more, is_of_pool, leave_to_parent, queue_of, remove_late
from atb_db.errors import AtbDbError


class AsyncPool:
    """Connections that the tasks of one event loop share; otherwise as `Pool`."""

    def __init__(self, settings: Settings, connect: Callable[[float], Awaitable[AsyncConnection]]) -> None:
        self._settings = settings
        self._connect = connect
        self._parents: list[AsyncConnectionPool[AsyncConnection]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._begin()
        renew_in_children(self, AsyncPool._renew)

    def _begin(self) -> None:
        self._attempts = Attempts(self._settings)
        self._loans = Loans()
        self._pool = AsyncConnectionPool[AsyncConnection](
            connection_class=cast("type[AsyncConnection]", self),
            reconnect_failed=self._try_on,
            open=False,
            **self._attempts.arguments(),  # type: ignore[arg-type]
        )

    def _renew(self) -> None:
        """As `Pool._renew`."""
        self._loop = None
        parent = self._pool
        if not parent.closed:
            leave_to_parent(parent)
            self._parents.append(parent)
            self._begin()
        elif not self._attempts.begun:
            self._begin()

    def _move(self) -> None:
        """Begin again in this event loop if the one before has ended, as with asyncio.run() after asyncio.run()."""
        loop = asyncio.get_running_loop()
        if self._loop is loop or self._loop is None:
            return
        if self._loop.is_running():
            raise AtbDbError("the database is in use in another event loop: open one in each")
        # psycopg_pool's tasks ended with it, in the middle of anything: its locks may be held for ever.
        closed = self._attempts.begun and self._pool.closed
        self._loans.abandon()
        self._begin()
        self._attempts.begun = closed
        self._loop = None

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
        self._loop = asyncio.get_running_loop()
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
        """As `Pool.take`.

        Raises:
            AtbDbError: another event loop uses the pool.
        """
        self._move()
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
        self._move()
        self._attempts.begun = True
        await self._pool.close(timeout=CLOSING)
