"""The queue of entries to apply, in order: the decisions that `Journal` and `AsyncJournal` share; no database in it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Final, NamedTuple
from uuid import UUID

from atb_db.database.forking import renew_in_children
from atb_db.database.health import JournalDepth
from atb_db.database.retry import JOURNAL, log
from atb_db.errors import (
    AtbDbError,
    InvalidInput,
    JournalUnusable,
    ResourceFull,
)
from atb_db.journal.contents import (
    JournalEntry,
    JournalStatus,
    Kept,
    Problem,
    aside_record,
    compacted,
    damaged_record,
    done_record,
    entry_record,
    header,
    problem_of,
    read_contents,
)
from atb_db.journal.entries import check_journalable
from atb_db.journal.file import JournalFile
from atb_db.journal.frames import DONE_SIZE, frame
from atb_db.journal.setting_aside import is_permanent
from atb_db.statement import Statement

LIMIT: Final = 64 * 1024 * 1024
PATIENCE: Final = 0.5
_SLACK: Final = 1024 * 1024


class Queued(NamedTuple):
    """The answer to a command that is in the journal and not in the database yet."""

    number: int
    """The entry's number in the journal."""
    request_id: UUID | None
    waiting: int
    """Entries that are not applied, this one among them."""
    reason: str | None
    """Why, as far as is known."""


class Replayed(NamedTuple):
    """What a replay did."""

    applied: int
    set_aside: int
    """Entries that the server refused for good just now."""
    waiting: int
    """Entries that are left."""
    error: AtbDbError | None
    """What stopped it; None if nothing did, or its time was up."""


class Drained(NamedTuple):
    """How far the entries were applied."""

    applied: int
    set_aside: int
    error: AtbDbError | None
    """What stopped it."""


class Ticket:
    """An entry that is to be applied, and what became of it."""

    __slots__ = ("awaited", "entry", "error", "result", "settled", "size", "statement")

    def __init__(self, entry: JournalEntry, statement: Statement[object], size: int) -> None:
        self.entry = entry
        self.statement = statement
        self.size = size
        self.awaited = False
        """Whether a caller will get the error; else it must be kept."""
        self.settled = False
        self.result: object = None
        self.error: AtbDbError | None = None


class Queue:
    """The entries of one journal that are not done; safe to share between threads."""

    def __init__(self, path: Path, limit: int) -> None:
        self._limit = limit
        self._mutex = Lock()
        self._pending: deque[Ticket] = deque()
        self._aside: dict[int, Kept] = {}
        self._failures = 0
        self._not_before = 0.0
        self._reason: str | None = None
        self._next = 1
        self._kept = 0
        self._file = JournalFile(path)
        try:
            self._load()
        except BaseException:
            self._file.close()
            raise
        renew_in_children(self, Queue._leave)

    def _leave(self) -> None:
        self._mutex = Lock()
        self._file.leave()

    def _load(self) -> None:
        if self._file.is_new:
            self._file.replace([frame(header(self._next))])
            return
        contents = read_contents(self._file.path)
        self._file.open()
        if contents.torn or contents.damaged:
            log.warning("%s: damaged lines, which are set aside: %d", self._file.path, len(contents.damaged))
            found = [damaged_record(line, contents.next_number + place) for place, line in enumerate(contents.damaged)]
            self._file.replace([*compacted(self._file.path, contents.kept, contents.next_number), *map(frame, found)])
            contents = read_contents(self._file.path)
        self._next = contents.next_number
        for number, kept in sorted(contents.kept.items()):
            self._kept += kept.size
            if kept.statement is None or kept.entry.problem is not None:
                self._aside[number] = kept
            else:
                self._pending.append(Ticket(kept.entry, kept.statement, kept.size))

    def append(self, statement: Statement[object], *, awaited: bool = False) -> Ticket:
        """Record the statement's value; once this returns, it outlives the process and the machine's power.

        Raises:
            StatementError: it is nothing that a journal takes.
            InvalidInput: it cannot be written down.
            ResourceFull: the journal has reached its limit, or its disk is full; nothing was recorded.
            JournalUnusable: the file is closed, was removed, or its disk fails.
        """
        check_journalable(statement)
        with self._mutex:
            now = datetime.now(UTC)
            record = entry_record(self._next, statement, now)
            try:
                line = frame(record)
            except ValueError:
                raise InvalidInput("has no JSON form", statement=statement.name) from None
            if not self._fits(line):
                self._compact()
            if not self._fits(line):
                raise ResourceFull(
                    f"the journal is full: {len(self._pending)} entries wait and {len(self._aside)} are set aside; "
                    "nothing was recorded",
                    statement=statement.name,
                )
            number = self._next
            self._next += 1  # first: an interrupted entry's number is not given to another
            self._file.append(line)
            entry = JournalEntry(number, now, statement.name, None, {}, None)
            ticket = Ticket(entry, statement, len(line))
            ticket.awaited = awaited
            self._kept += len(line)
            self._pending.append(ticket)
            return ticket

    def head(self) -> Ticket | None:
        """The entry that is to be applied next."""
        with self._mutex:
            self._file.check()
            return self._pending[0] if self._pending else None

    def is_due(self) -> bool:
        """Whether the database is worth an attempt: after a failure it is left alone for a while."""
        return monotonic() >= self._not_before

    def succeed(self, ticket: Ticket, result: object) -> None:
        """Note that the head is applied."""
        with self._mutex:
            self._failures, self._not_before, self._reason = 0, 0.0, None
            ticket.result = result
            self._settle(ticket)

    def fail(self, ticket: Ticket, error: AtbDbError) -> bool:
        """Note that the head was not applied; whether the next one may be tried."""
        with self._mutex:
            if not is_permanent(error):
                if not self._failures:
                    log.warning("%s: entries wait: %s", self._file.path, error)
                self._failures += 1
                self._not_before = monotonic() + JOURNAL.after(self._failures)
                self._reason = str(error)
                return False
            ticket.error = error
            if ticket.awaited:
                self._settle(ticket)  # its caller gets the error
            else:
                self._set_aside(ticket, problem_of(error))
            return True

    def leave(self, ticket: Ticket) -> None:
        """Nobody waits for this entry's result any more."""
        with self._mutex:
            ticket.awaited = False

    def queued(self, ticket: Ticket) -> Queued:
        """The answer for an entry that is not applied."""
        with self._mutex:
            return Queued(ticket.entry.number, ticket.statement.request_id, len(self._pending), self._reason)

    def revive(self) -> None:
        """Queue refused entries again, in their places by number; unreadable ones stay set aside."""
        with self._mutex:
            for number, kept in list(self._aside.items()):
                if kept.statement is not None:
                    del self._aside[number]
                    self._pending.append(Ticket(kept.entry._replace(problem=None), kept.statement, kept.size))
            self._pending = deque(sorted(self._pending, key=lambda ticket: ticket.entry.number))

    def discard(self, numbers: Iterable[int]) -> int:
        """Give up entries that are set aside; how many there were."""
        with self._mutex:
            self._file.check()
            found = [number for number in numbers if number in self._aside]
            for number in found:
                self._kept -= self._aside.pop(number).size
                self._mark(frame(done_record(number)), sync=True)
            return len(found)

    def tidy(self) -> None:
        """Make the file small again once enough of it is done."""
        with self._mutex:
            if not self._pending:
                self._compact()

    def depth(self) -> JournalDepth:
        """How much is left."""
        with self._mutex:
            return JournalDepth(len(self._pending), len(self._aside))

    def status(self) -> JournalStatus:
        """How much is left, and since when."""
        with self._mutex:
            oldest = self._pending[0].entry.recorded_at if self._pending else None
            return JournalStatus(str(self._file.path), self._file.size, len(self._pending), len(self._aside), oldest)

    def close(self) -> None:
        """Let others write the file; what waits stays in it."""
        with self._mutex:
            self._file.close()

    def _fits(self, line: bytes) -> bool:
        # Each entry that waits will need a line that says that it is done.
        return self._file.size + len(line) + DONE_SIZE * (len(self._pending) + 1) <= self._limit

    def _settle(self, ticket: Ticket) -> None:
        ticket.settled = True
        self._pending.remove(ticket)
        self._kept -= ticket.size
        # Unsynced: if it is lost with the machine's power the entry is applied again, which changes nothing.
        self._mark(frame(done_record(ticket.entry.number)))

    def _set_aside(self, ticket: Ticket, problem: Problem) -> None:
        ticket.settled = True
        self._pending.remove(ticket)
        log.error("%s: entry %d is set aside: %s", self._file.path, ticket.entry.number, problem.message)
        line = frame(aside_record(ticket.entry.number, problem))
        self._kept += len(line)
        entry = ticket.entry._replace(problem=problem)
        self._aside[entry.number] = Kept(entry, ticket.statement, ticket.size + len(line))
        self._mark(line, sync=True)

    def _mark(self, line: bytes, *, sync: bool = False) -> None:
        try:
            self._file.append(line, sync=sync)
        except (ResourceFull, JournalUnusable) as error:
            # The next reader will try the entry again, and learn the same.
            log.warning("%s: what became of an entry was not written down: %s", self._file.path, error)

    def _compact(self) -> None:
        """Drop entries that are done, if that is worth writing the rest again."""
        if self._file.size - self._kept < min(_SLACK, self._limit // 8):
            return
        kept = {**self._aside, **{ticket.entry.number: None for ticket in self._pending}}
        try:
            self._file.replace(compacted(self._file.path, kept, self._next))
        except ResourceFull as error:
            log.warning("%s: was not compacted: %s", self._file.path, error)
