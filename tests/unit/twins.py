"""In what the module for asyncio may differ from its twin for threads, and why.

The lines are those of a unified diff after `async`, `await` and their names have been taken off. Rather change both
twins than add to the list.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Difference(NamedTuple):
    """One definition's."""

    why: str
    lines: str


DIFFERENCES: Final[dict[str, Difference]] = {
    "database/sync/database.py: Database._recent_replica": Difference(
        "between two awaits nobody else runs: a flag is enough",
        """
-    if replica.freshness.is_due(now) and replica.measuring.acquire(blocking=False):
+    if replica.freshness.is_due(now) and (not replica.measuring):
+        replica.measuring = True
-            replica.measuring.release()
+            replica.measuring = False
""",
    ),
    "database/sync/replica.py: Replica._renew": Difference(
        "as above",
        """
-    self.measuring = Lock()
+    self.measuring = False
""",
    ),
    "database/sync/connector.py: connector": Difference(
        "asyncio can end the wait for a name's addresses, too",
        """
-            connection = _connected(places, turns(settings, until), arguments)
+            try:
+                with asyncio.timeout(None if until == inf else until - monotonic()):
+                    connection = _connected(places, turns(settings, until), arguments)
+            except TimeoutError:
+                raise errors.ConnectionTimeout('connection timeout expired') from None
""",
    ),
    "database/sync/connector.py: _look_up": Difference(
        "each has a function of its own for it",
        """
+    look_up = asyncio.get_running_loop().getaddrinfo
-        return socket.getaddrinfo(place.host, place.port, proto=socket.IPPROTO_TCP, type=socket.SOCK_STREAM)
+        return look_up(place.host, place.port, proto=socket.IPPROTO_TCP, type=socket.SOCK_STREAM)
""",
    ),
    "database/sync/database.py: Database._tried": Difference(
        "an exception of a signal may come between two lines of a thread, and of a task only at an await",
        """
-        except BaseException:
-            self._pool.shaken = True
-            raise
""",
    ),
    "database/sync/pool.py: Pool._begin": Difference(
        "as above",
        """
-    self.shaken = False
""",
    ),
    "database/sync/pool.py: Pool._replace_lost": Difference(
        "as above",
        """
-    if self.shaken:
-        self.shaken = False
-        gc.collect()
""",
    ),
    "database/sync/pool.py: Pool.connection": Difference(
        "as above",
        """
+    connection = self.take(until)
-        connection = self.take(until)
-        try:
-            yield connection
-        finally:
-            self.give(connection)
-    except BaseException as error:
-        self.shaken = self.shaken or not isinstance(error, Exception)
-        raise
+        yield connection
+    finally:
+        self.give(connection)
""",
    ),
    "database/sync/pool.py: Pool.__init__": Difference(
        "tasks belong to an event loop, which may end before the pool does",
        """
+    self._loop: asyncio.AbstractEventLoop | None = None
""",
    ),
    "database/sync/pool.py: Pool._renew": Difference(
        "as above",
        """
+    self._loop = None
""",
    ),
    "database/sync/pool.py: Pool._move": Difference(
        "as above",
        """
+def _move(self) -> None:
+    loop = asyncio.get_running_loop()
+    if self._loop is loop or self._loop is None:
+        return
+    if self._loop.is_running():
+        raise AtbDbError('the database is in use in another event loop: open one in each')
+    closed = self._attempts.begun and self._pool.closed
+    self._loans.abandon()
+    self._begin()
+    self._attempts.begun = closed
+    self._loop = None
""",
    ),
    "database/sync/pool.py: Pool.close": Difference(
        "as above",
        """
+    self._move()
""",
    ),
    "database/sync/pool.py: Pool.open": Difference(
        "as above",
        """
+    self._loop = asyncio.get_running_loop()
""",
    ),
    "database/sync/pool.py: Pool.take": Difference(
        "as above",
        """
+    self._move()
-    if self._loans.gone or self.shaken:
+    if self._loans.gone:
""",
    ),
    "database/connections.py: Connection.wait": Difference(
        "psycopg waits by another function",
        """
-        return waiting.wait(gen, self.pgconn.socket, interval, seconds)
+        return waiting.wait_async(gen, self.pgconn.socket, interval, seconds)
""",
    ),
    "journal/sync.py: Journal.record": Difference(
        "the thread that writes the file cannot be left with the ticket",
        """
+    ticket.awaited = True
""",
    ),
    "journal/sync.py: Journal._append": Difference(
        "the file is synced in a thread",
        """
-        return self._queue.append(statement, awaited=True)
+        return asyncio.to_thread(self._queue.append, statement)
-    return self._queue.append(statement, awaited=True)
+    return asyncio.to_thread(self._queue.append, statement)
""",
    ),
    "journal/sync.py: Journal.__init__": Difference(
        "only a lock that knows its thread can be given back by one that may not have it",
        """
-    self._applying = RLock()
+    self._applying = Lock()
""",
    ),
    "journal/sync.py: Journal._renew": Difference(
        "as above",
        """
-    self._applying = RLock()
+    self._applying = Lock()
""",
    ),
    "journal/sync.py: Journal._drain_to": Difference(
        "a lock of asyncio has no timeout of its own, and no signal ends a task between two steps",
        """
-        if not self._applying.acquire(timeout=self._patience):
-            return 0
+        with asyncio.timeout(self._patience):
+            self._applying.acquire()
+    except TimeoutError:
+        return 0
+    try:
-        try:
-            self._applying.release()
-        except RuntimeError:
-            pass
+        self._applying.release()
""",
    ),
    "journal/sync.py: Journal._drain": Difference(
        "the file is written in a thread",
        """
-    self._queue.tidy()
+    asyncio.to_thread(self._queue.tidy)
""",
    ),
}
