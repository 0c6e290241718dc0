"""The pool of connections that threads share."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import cast

from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from atb_db.config import Settings
from atb_db.database.connections import Connection
from atb_db.database.forking import renew_in_children
from atb_db.database.observing import PoolStatistics
from atb_db.database.pooling import CLOSING, Attempts, Loans
from atb_db.database.private import connect_one_more, is_of_pool, leave_to_parent, lock_of, queue_of, remove_late
from atb_db.errors import AtbDbError


class Pool:
    """Connections that threads share; who waits is served in order."""

    def __init__(self, settings: Settings, connect: Callable[[float], Connection]) -> None:
        self._settings = settings
        self._connect = connect
        self._parents: list[ConnectionPool[Connection]] = []
        self._begin()
        renew_in_children(self, Pool._renew)

    def _begin(self) -> None:
        self._attempts = Attempts(self._settings)
        self._loans = Loans()
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
        """Attempt once more for waiting callers: psycopg_pool itself does so only for the next caller."""
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
        """Close what is idle now and what is in use when it comes back; waiting callers are refused."""
        self._attempts.begun = True
        self._pool.close(timeout=CLOSING)
