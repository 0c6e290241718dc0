"""`Database` and `AsyncDatabase` behind the same blocking functions, for as many threads as like."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from threading import Thread
from typing import Any, TypeVar

from psycopg.pq import ExecStatus

from atb_db import AsyncDatabase, Database, Settings
from atb_db.batch import Batch
from atb_db.database import AsyncTransaction, Health, PoolStatistics, RetryEvent, Transaction
from atb_db.statement import Statement

R = TypeVar("R")
Make = Callable[[], Iterable[Statement[object]]]


class Client:
    """One of the two databases; the one for tasks has a loop in a thread of its own, and each caller is a task."""

    def __init__(self, url: str, *, is_async: bool, **changes: object) -> None:
        self.events: list[RetryEvent] = []
        settings = Settings.load(url, environ={})._replace(**{"pool_max": 2, **changes})  # type: ignore[arg-type]
        self._sync = Database(settings, on_retry=self.events.append)
        self._async = AsyncDatabase(settings, on_retry=self.events.append)
        self._loop = asyncio.new_event_loop() if is_async else None
        self._thread = Thread(target=self._loop.run_forever, daemon=True) if self._loop else None
        if self._thread is not None:
            self._thread.start()

    def run(self, statement: Statement[R], timeout: float | None = None, *, stale_ok: bool = False) -> R:
        if self._loop is not None:
            return self._await(self._async.run(statement, timeout=timeout, stale_ok=stale_ok))
        return self._sync.run(statement, timeout=timeout, stale_ok=stale_ok)

    def run_many(self, statements: Iterable[Statement[R]]) -> list[R]:
        if self._loop is not None:
            return self._await(self._async.run_many(statements))
        return self._sync.run_many(statements)

    def run_batch(self, batch: Batch[R]) -> R:
        if self._loop is not None:
            return self._await(self._async.run_batch(batch))
        return self._sync.run_batch(batch)

    def stream(self, statement: Statement[list[R]]) -> list[R]:
        if self._loop is not None:

            async def work() -> list[R]:
                async with self._async.stream(statement) as rows:
                    return [row async for row in rows]

            return self._await(work())
        with self._sync.stream(statement) as rows:
            return list(rows)

    def ping(self) -> float:
        return self._await(self._async.ping()) if self._loop is not None else self._sync.ping()

    @property
    def database(self) -> Database:
        """The one for threads."""
        assert self._loop is None
        return self._sync

    def behind_its_back(self, sql: str) -> int:
        """Run SQL on every open connection, as a pooler does between two clients; on how many."""
        if self._loop is not None:

            async def work() -> int:
                async with AsyncExitStack() as stack:
                    found = [
                        await stack.enter_async_context(self._async._pool.connection())
                        for _ in range(self._async.statistics().open)
                    ]
                    return sum(one.pgconn.exec_(sql.encode()).status == ExecStatus.COMMAND_OK for one in found)

            return self._await(work())
        with ExitStack() as stack:
            pooled = [stack.enter_context(self._sync._pool.connection()) for _ in range(self._sync.statistics().open)]
            return sum(one.pgconn.exec_(sql.encode()).status == ExecStatus.COMMAND_OK for one in pooled)

    def retrying(self, make: Make) -> list[object]:
        """Run what `make` gives, one by one, in a transaction; both again if need be."""
        if self._loop is not None:

            async def work(tx: AsyncTransaction) -> list[object]:
                return [await tx.run(statement) for statement in make()]

            return self._await(self._async.retrying(work))

        def run(tx: Transaction) -> list[object]:
            return [tx.run(statement) for statement in make()]

        return self._sync.retrying(run)

    def transaction(self, make: Make) -> None:
        """Run what `make` gives, one by one, in a transaction that is not run again."""
        if self._loop is not None:

            async def work() -> None:
                async with self._async.transaction() as tx:
                    for statement in make():
                        await tx.run(statement)

            return self._await(work())
        with self._sync.transaction() as tx:
            for statement in make():
                tx.run(statement)
        return None

    def health(self, timeout: float = 0.3) -> Health:
        if self._loop is not None:
            return self._await(self._async.health(timeout=timeout))
        return self._sync.health(timeout=timeout)

    def statistics(self) -> PoolStatistics:
        return (self._async if self._loop is not None else self._sync).statistics()

    def close(self) -> None:
        self._sync.close()
        if self._loop is not None and self._thread is not None:
            self._await(self._async.close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _await(self, work: Coroutine[Any, Any, R]) -> R:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


@contextmanager
def clients(*, is_async: bool) -> Iterator[Callable[..., Client]]:
    """What makes clients, which are closed at the end of the block."""
    with ExitStack() as stack:

        def connect(url: str, **changes: object) -> Client:
            client = Client(url, is_async=is_async, **changes)
            stack.callback(client.close)
            return client

        yield connect
