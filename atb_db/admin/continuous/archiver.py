"""The archiver: follows a server's log, through outages, and makes base backups."""

from __future__ import annotations

import os
import shutil
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Final, NamedTuple

from atb_db.admin.backup.offsite import OffSite, check_off_site
from atb_db.admin.connection import ask
from atb_db.admin.continuous.base import Tools, finish_base, make_base
from atb_db.admin.continuous.elsewhere import Sender
from atb_db.admin.continuous.keeping import compress_next, remove_leftovers, retain
from atb_db.admin.continuous.layout import (
    Archive,
    ArchiverState,
    Base,
    archiving,
    new_chain,
    read_archive,
    read_chain,
    read_chains,
    write_archive,
    write_state,
    write_until,
)
from atb_db.admin.continuous.preparing import Position, prepare, why_not
from atb_db.admin.continuous.receiver import Receiver
from atb_db.config import Settings
from atb_db.database.connecting import accept, connect_arguments
from atb_db.database.connections import Connection as Guarded
from atb_db.database.translation import translated
from atb_db.errors import AtbDbError

Tell = Callable[[str], None]

_TICK: Final = 0.5
"""Seconds between two looks at the server; what is protected is known as often."""
_ANSWER: Final = 5.0
_AGAIN: Final = timedelta(minutes=5)
"""After a base backup that failed."""
_MARKS: Final = 3600
_LOST: Final = ("has already been removed", "ahead of the WAL flush position", "not in this server's history")


class Rules(NamedTuple):
    """What an archiver keeps to."""

    base_every: timedelta = timedelta(days=1)
    whole_every: timedelta = timedelta(days=7)
    """Those between have only what changed, where the server has what that needs."""
    keep: timedelta = timedelta(days=7)
    """Any moment of that time can be restored."""
    elsewhere: OffSite | None = None
    """How what is complete gets to another place; as long as that fails, nothing is removed."""


def follow(settings: Settings, folder: Path, *, rules: Rules, stopped: Event, tell: Tell) -> None:
    """Follow the server's log until `stopped`, through outages of the server and a full disk.

    Raises:
        LockHeld: another archiver is at work in the folder.
        Refused: as for `prepare`.
        Unusable: the folder cannot be written.
        ToolMissing: a program is not there, of PostgreSQL or to take things elsewhere.
        Unavailable: the server cannot be reached at the start.
    """
    if rules.elsewhere is not None:
        check_off_site(rules.elsewhere)
    with archiving(folder):
        archive, tools, advised = prepare(settings, folder)
        for sentence in advised:
            tell(sentence)
        if read_archive(folder) is None:
            write_archive(folder, archive)
        _Archiver(settings, folder, archive, tools=tools, rules=rules, tell=tell).run(stopped)


class _Archiver:
    def __init__(
        self, settings: Settings, folder: Path, archive: Archive, *, tools: Tools, rules: Rules, tell: Tell
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._archive = archive
        self._tools = tools
        self._rules = rules
        self._tell = tell
        self._connection: Guarded | None = None
        self._receiver: Receiver | None = None
        self._chain: Path | None = None
        self._until: datetime | None = None
        self._marks: deque[tuple[int, datetime]] = deque()
        self._ends: dict[int, datetime] = {}
        self._sender: Sender | None = None
        self._removal_due = False
        self._making: Thread | None = None
        self._made: Base | None = None
        self._failed_at: datetime | None = None
        self._failure: str | None = None
        self._whole_next = False
        self._problem: str | None = None
        self._last_base: datetime | None = None
        self._stopped = Event()

    def run(self, stopped: Event) -> None:
        remove_leftovers(self._folder)
        self._stopped = stopped
        if self._rules.elsewhere is not None:
            self._sender = Sender(self._folder, self._rules.elsewhere, until_of=self._until_of, tell=self._tell)
        try:
            while not stopped.is_set():
                position = self._step()
                self._say(position)
                stopped.wait(_TICK)
        finally:
            if self._sender is not None:
                self._sender.stop()
            if self._receiver is not None:
                self._receiver.stop()
            if self._making is not None:
                self._making.join()
                self._keep_or_drop()
            if self._connection is not None:
                self._connection.close()
            self._receiver = None
            self._say(None)

    def _step(self) -> Position | None:
        """One look at everything; where the server or the disk is away, the next one tries again."""
        try:
            position = self._look()
            position = self._ensure_chain(position)
            self._ensure_receiver()
            self._advance(position)
            self._ensure_base(position)
            self._compress()
            self._remove()
        except (AtbDbError, OSError) as error:
            self._note(error.message if isinstance(error, AtbDbError) else f"{error.strerror}: {error.filename}")
            return None
        if self._receiver is not None and self._receiver.is_running() and position.is_active:
            self._problem = self._failure
        return position

    def _note(self, problem: str) -> None:
        if problem != self._problem:
            self._tell(problem)
        self._problem = problem

    def _look(self) -> Position:
        if self._connection is None or self._connection.closed:
            arguments = connect_arguments(self._settings._replace(statement_timeout=_ANSWER))
            with translated():
                self._connection = Guarded.connect(arguments.conninfo, autocommit=True)
            accept(self._connection)
        self._connection.until = monotonic() + _ANSWER
        with translated():
            (position,) = ask(self._connection, "archive_position", Position, values=[self._archive.slot])
        return position

    def _ensure_chain(self, position: Position) -> Position:
        """Go on with the newest chain if the server still has what comes next in it; else begin another one."""
        if self._chain is not None:
            if position.has_slot and position.is_usable:
                return position
            self._begin_chain("the server no longer keeps the log for us")
        else:
            chains = read_chains(self._folder, self._archive.segment_size)
            why = why_not(chains[-1], position, self._archive.segment_size) if chains else ""
            if why is None:
                self._chain, self._until = chains[-1].folder, chains[-1].until
                self._last_base = max((base.started_at for base in chains[-1].bases), default=None)
                return position
            self._begin_chain(why)
        return self._look()

    def _begin_chain(self, why: str) -> None:
        if self._receiver is not None:
            self._receiver.stop()
            self._receiver = None
        if why:
            self._tell(f"A gap: {why}. What comes now is a new chain, from its base backup on.")
        assert self._connection is not None  # noqa: S101  it was looked at just before
        slot = self._archive.slot
        self._connection.until = monotonic() + _ANSWER
        with translated(writes=True):
            self._connection.execute(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", [slot]
            )
            self._connection.execute("SELECT pg_create_physical_replication_slot(%s, TRUE)", [slot])
        self._chain = new_chain(self._folder)
        self._until = None
        self._last_base = None
        self._failed_at = None
        self._marks.clear()
        self._ends = {}

    def _ensure_receiver(self) -> None:
        assert self._chain is not None  # noqa: S101
        if self._receiver is not None and not self._receiver.is_running():
            reason = self._receiver.reason
            self._receiver.stop()
            self._receiver = None
            self._note(reason)
            if any(text in reason for text in _LOST):
                self._begin_chain(reason)
        if self._receiver is None:
            self._receiver = Receiver(
                self._tools.receive, self._settings, wal=self._chain / "wal", slot=self._archive.slot
            )

    def _advance(self, position: Position) -> None:
        """What was written at a moment is protected once the slot says that we have it."""
        assert self._chain is not None  # noqa: S101
        if len(self._marks) < _MARKS:
            self._marks.append((position.written, position.now.astimezone(UTC)))
        else:
            self._marks[-1] = position.written, position.now.astimezone(UTC)
        reached = None
        while self._marks and position.kept is not None and self._marks[0][0] <= position.kept:
            written, reached = self._marks.popleft()
            self._ends[max(0, written - 1) // self._archive.segment_size] = reached
        if reached is not None:
            self._until = reached
            if self._last_base is not None:
                write_until(self._chain, reached)

    def _ensure_base(self, position: Position) -> None:
        if self._making is not None:
            if self._making.is_alive():
                return
            self._making.join()
            self._making = None
        if self._made is not None:
            if position.kept is not None and position.kept >= self._made.end_position:
                self._keep_or_drop()
            return
        now = datetime.now(UTC)
        due = self._last_base is None or now - self._last_base >= self._rules.base_every
        failed_lately = self._failed_at is not None and now - self._failed_at < _AGAIN
        if due and not failed_lately and position.is_active:
            assert self._chain is not None  # noqa: S101
            parent = self._parent(self._chain, now) if position.summarizes else None
            self._making = Thread(target=self._make_base, args=(self._chain, parent))
            self._making.start()

    def _parent(self, folder: Path, now: datetime) -> Base | None:
        """The base backup since which the changes will do; None where a whole one is due."""
        chain = read_chain(folder, self._archive.segment_size)
        if not chain.bases or self._whole_next:
            return None
        newest = max(chain.bases, key=lambda one: one.started_at)
        return newest if now - chain.lineage(newest)[0].started_at < self._rules.whole_every else None

    def _make_base(self, chain: Path, parent: Base | None) -> None:
        try:
            self._made = make_base(self._settings, self._tools, chain, stopped=self._stopped, parent=parent)
            self._failure = None
            self._whole_next = False
        except (AtbDbError, OSError) as error:
            # The server may not have noted all that changed since then: a whole one needs nothing of that.
            self._whole_next = parent is not None
            self._failed_at = None if parent is not None else datetime.now(UTC)
            self._failure = f"the base backup failed: {error}"
            self._tell(self._failure)

    def _keep_or_drop(self) -> None:
        """A base backup counts once its log is there; one that ended with a stop or in another chain does not."""
        made, self._made = self._made, None
        if made is None:
            return
        chain = made.folder.parent.parent
        try:
            kept = self._look().kept
            if chain == self._chain and kept is not None and kept >= made.end_position:
                done = finish_base(made)
                self._last_base = done.started_at
                if self._until is not None:
                    write_until(chain, self._until)
                what = f", what changed since {done.parent}" if done.parent else ""
                self._tell(
                    f"Base backup {done.folder.name}: {done.bytes:,} bytes in {done.seconds:.1f} s, checked{what}."
                )
                self._removal_due = True
                return
        except (AtbDbError, OSError) as error:
            self._tell(f"After the base backup {made.folder.name}: {error}")
        shutil.rmtree(made.folder, ignore_errors=True)

    def _remove(self) -> None:
        """After a base backup; where things are taken elsewhere, once they all are."""
        if self._removal_due and (self._sender is None or self._sender.has_all()):
            retain(self._folder, self._archive.segment_size, keep=self._rules.keep)
            self._removal_due = False

    def _until_of(self, chain: Path, segment: int) -> datetime | None:
        """Until when everything is in the log up to the end of a segment, as far as this process has seen it."""
        if chain != self._chain:
            return None
        return max((until for number, until in [*self._ends.items()] if number <= segment), default=None)

    def _say(self, position: Position | None) -> None:
        running = self._receiver is not None and self._receiver.is_running()
        behind = position.written - position.kept if position is not None and position.kept is not None else None
        state = ArchiverState(
            pid=os.getpid(),
            updated_at=datetime.now(UTC),
            chain=self._chain.name if self._chain else None,
            streaming=running and position is not None and position.is_active,
            protected_until=self._until if self._last_base is not None else None,
            behind_bytes=None if behind is None else max(0, behind),
            problem=self._problem or (self._sender.problem if self._sender is not None and running else None),
            elsewhere_until=self._sender.until if self._sender is not None else None,
        )
        # On a full disk the last state stays as it was, and grows old, which is what it says then.
        with suppress(OSError):
            write_state(self._folder, state)

    def _compress(self) -> None:
        assert self._chain is not None  # noqa: S101
        compress_next(self._chain, self._archive.segment_size)
