"""`Journal`: commands that outlive an outage of the database and the end of the process."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from pathlib import Path
from threading import RLock
from time import monotonic
from types import TracebackType
from typing import Self, TypeVar, cast

from atb_db.database import Database
from atb_db.database.forking import renew_in_children
from atb_db.errors import AtbDbError, ResourceFull
from atb_db.journal.contents import JournalStatus
from atb_db.journal.queue import LIMIT, PATIENCE, Drained, Queue, Queued, Replayed, Ticket
from atb_db.statement import Statement

R = TypeVar("R")


class Journal:
    """A file in which commands are written down before they are applied, in order; safe to share between threads.

        with Database.from_env() as db, Journal("engine.journal", db) as journal:
            journal.replay()                        # what an earlier process left
            answer = journal.record(trades.log_trade(...))
            if isinstance(answer, Queued): ...      # the database is away; it will be applied

    What `record` has taken is stored exactly once, whenever the database is back: no crash of the engine or of the
    machine loses it, and a command that may have been applied before carries the same request_id again.
    """

    def __init__(self, path: str | Path, db: Database, *, limit: int = LIMIT, patience: float = PATIENCE) -> None:
        """Open the file, or make it; `limit` is its size in bytes, `patience` the seconds given to the database.

        Raises:
            JournalHeld: another process has it open, or another Journal of this one.
            JournalUnusable: the file cannot be read or written, is of a later version, or is no journal.
        """
        self._db = db
        self._queue = Queue(Path(path), limit)
        self._patience = patience
        self._applying = RLock()
        renew_in_children(self, Journal._renew)
        db.attach_journal(self._queue.depth)

    def _renew(self) -> None:
        """In a forked child."""
        self._applying = RLock()  # a thread of the parent may have it

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let others open the file; what waits stays in it. The database stays open."""
        self._db.attach_journal(None)
        self._queue.close()

    def record(self, statement: Statement[R]) -> R | Queued:
        """Write a command down and apply it after those that wait; its result, or that it waits.

        It takes the time of a synced write, and at most twice `patience` while the database does not answer; after a
        failure the database is left alone for up to 8 s, and only the write is left. What waits is applied first, if
        the file is full.

        Raises:
            StatementError: the statement is no command, or is about this very moment.
            ResourceFull: the file's limit is reached, or its disk is full; nothing was recorded.
            JournalUnusable: the file is closed, was removed, or its disk fails.
            AtbDbError: the server refused it for good, as `Database.run` documents; it is not kept.
        """
        ticket = self._append(statement)
        try:
            self._drain_to(ticket)
        finally:
            self._queue.leave(ticket)
        if ticket.error is not None:
            raise ticket.error
        return cast("R", ticket.result) if ticket.settled else self._queue.queued(ticket)

    def replay(self, *, timeout: float | None = None, set_aside: bool = False) -> Replayed:
        """Apply waiting entries, each with the database's own deadline; `set_aside` also tries refused ones again.

        It ends when all is done, the database fails, or after `timeout` seconds and the entry that is under way then.
        """
        with self._applying:
            if set_aside:
                self._queue.revive()
            drained = self._drain(monotonic() + (inf if timeout is None else timeout), timeout=None, goal=None)
        return Replayed(*drained[:2], self._queue.depth().waiting, drained.error)

    def discard(self, numbers: Iterable[int]) -> int:
        """Give up entries that are set aside, by their numbers; how many there were."""
        return self._queue.discard(numbers)

    def status(self) -> JournalStatus:
        """How much waits or is set aside."""
        return self._queue.status()

    def _append(self, statement: Statement[R]) -> Ticket:
        try:
            return self._queue.append(statement, awaited=True)
        except ResourceFull:
            if not self._drain_to(None):
                raise
        return self._queue.append(statement, awaited=True)

    def _drain_to(self, goal: Ticket | None) -> int:
        """How many were applied."""
        if not self._queue.is_due():
            return 0
        try:
            if not self._applying.acquire(timeout=self._patience):
                return 0
            drained = self._drain(monotonic() + self._patience, timeout=self._patience, goal=goal)
            return drained.applied
        finally:
            # An interruption may have come just after it was taken; nothing may come between here and its release.
            try:  # noqa: SIM105
                self._applying.release()
            except RuntimeError:  # this thread does not have it
                pass

    def _drain(self, until: float, *, timeout: float | None, goal: Ticket | None) -> Drained:
        applied = set_aside = 0
        stopped: AtbDbError | None = None
        while (goal is None or not goal.settled) and monotonic() < until and (ticket := self._queue.head()) is not None:
            try:
                result = self._db.run(ticket.statement, timeout=timeout)
            except AtbDbError as error:
                if not self._queue.fail(ticket, error):
                    stopped = error
                    break
                set_aside += 1
            else:
                self._queue.succeed(ticket, result)
                applied += 1
        self._queue.tidy()
        return Drained(applied, set_aside, stopped)
