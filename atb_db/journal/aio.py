"""`AsyncJournal`: the same journal for asyncio; the file is synced in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from math import inf
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self, TypeVar, cast

from atb_db.database import AsyncDatabase
from atb_db.database.forking import renew_in_children
from atb_db.errors import AtbDbError, ResourceFull
from atb_db.journal.contents import JournalStatus
from atb_db.journal.queue import LIMIT, PATIENCE, Drained, Queue, Queued, Replayed, Ticket
from atb_db.statement import Statement

R = TypeVar("R")


class AsyncJournal:
    """As `Journal`, for the tasks of one event loop."""

    def __init__(self, path: str | Path, db: AsyncDatabase, *, limit: int = LIMIT, patience: float = PATIENCE) -> None:
        """As `Journal`; the file is read here and now."""
        self._db = db
        self._queue = Queue(Path(path), limit)
        self._patience = patience
        self._applying = asyncio.Lock()
        renew_in_children(self, AsyncJournal._renew)
        db.attach_journal(self._queue.depth)

    def _renew(self) -> None:
        """As `Journal._renew`."""
        self._applying = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """As `Journal.close`."""
        self._db.attach_journal(None)
        self._queue.close()

    async def record(self, statement: Statement[R]) -> R | Queued:
        """As `Journal.record`. Once the write has begun, a cancelled task's command is recorded, too."""
        ticket = await self._append(statement)
        ticket.awaited = True
        try:
            await self._drain_to(ticket)
        finally:
            self._queue.leave(ticket)
        if ticket.error is not None:
            raise ticket.error
        return cast("R", ticket.result) if ticket.settled else self._queue.queued(ticket)

    async def replay(self, *, timeout: float | None = None, set_aside: bool = False) -> Replayed:
        """As `Journal.replay`."""
        async with self._applying:
            if set_aside:
                self._queue.revive()
            drained = await self._drain(monotonic() + (inf if timeout is None else timeout), timeout=None, goal=None)
        return Replayed(*drained[:2], self._queue.depth().waiting, drained.error)

    def discard(self, numbers: Iterable[int]) -> int:
        """As `Journal.discard`."""
        return self._queue.discard(numbers)

    def status(self) -> JournalStatus:
        """As `Journal.status`."""
        return self._queue.status()

    async def _append(self, statement: Statement[R]) -> Ticket:
        try:
            return await asyncio.to_thread(self._queue.append, statement)
        except ResourceFull:
            if not await self._drain_to(None):
                raise
        return await asyncio.to_thread(self._queue.append, statement)

    async def _drain_to(self, goal: Ticket | None) -> int:
        """How many were applied."""
        if not self._queue.is_due():
            return 0
        try:
            async with asyncio.timeout(self._patience):
                await self._applying.acquire()
        except TimeoutError:
            return 0
        try:
            drained = await self._drain(monotonic() + self._patience, timeout=self._patience, goal=goal)
            return drained.applied
        finally:
            self._applying.release()

    async def _drain(self, until: float, *, timeout: float | None, goal: Ticket | None) -> Drained:
        applied = set_aside = 0
        stopped: AtbDbError | None = None
        while (goal is None or not goal.settled) and monotonic() < until and (ticket := self._queue.head()) is not None:
            try:
                result = await self._db.run(ticket.statement, timeout=timeout)
            except AtbDbError as error:
                if not self._queue.fail(ticket, error):
                    stopped = error
                    break
                set_aside += 1
            else:
                self._queue.succeed(ticket, result)
                applied += 1
        await asyncio.to_thread(self._queue.tidy)
        return Drained(applied, set_aside, stopped)
