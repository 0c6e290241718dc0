"""The archiver: follows a server's log, makes base backups, and removes what is no longer needed."""

from __future__ import annotations

import gzip
import os
import shutil
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from threading import Event, Thread
from time import monotonic
from typing import Final, NamedTuple

import psycopg

from atb_db.admin.backup.folder import sync
from atb_db.admin.connection import Connection, ask, changing
from atb_db.admin.continuous.base import Tools, finish_base, make_base
from atb_db.admin.continuous.layout import (
    FORMAT,
    PART,
    Archive,
    Base,
    Chain,
    State,
    archiving,
    discard,
    new_chain,
    read_archive,
    read_chain,
    read_chains,
    write_archive,
    write_state,
    write_until,
)
from atb_db.admin.continuous.permission import advice, obstacles, read_surroundings
from atb_db.admin.continuous.receiver import Receiver
from atb_db.admin.continuous.retention import expired_bases, expired_chains, expired_segments
from atb_db.admin.errors import Refused
from atb_db.admin.programs import tool_for
from atb_db.admin.vital_signs import ARCHIVE_SLOT
from atb_db.config import Settings
from atb_db.database.connecting import accept, connect_arguments
from atb_db.database.connections import Connection as Guarded
from atb_db.database.translation import translated
from atb_db.embedded.binaries import major_of
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
    keep: timedelta = timedelta(days=7)
    """Any moment of that time can be restored."""


class Position(NamedTuple):
    """How far the log has come."""

    now: datetime
    written: int
    has_slot: bool
    is_active: bool
    is_usable: bool
    kept: int | None
    """From where the server keeps the log for the slot: up to there it is on the archive's disk."""


def prepare(settings: Settings, folder: Path) -> tuple[Archive, Tools, tuple[str, ...]]:
    """Look whether the server's log can be followed; what the archive is of, the programs, and advice. Reads only.

    Raises:
        Refused: the server does not allow it, and how it would; or the archive is of another server.
        ToolMissing: PostgreSQL's programs are missing.
        Unavailable: the server cannot be reached.
    """
    known = read_archive(folder)
    with changing(settings) as (connection, server):
        found = read_surroundings(connection)
        slot = known.slot if known else f"{ARCHIVE_SLOT}{token_hex(4)}"
        refused = [str(one) for one in obstacles(settings, connection, found, slot=slot)]
    if refused:
        raise Refused(
            f"the server's log cannot be followed: {'; '.join(refused)}. Until then backups every few minutes are the "
            "best there is: atb-db backup schedule --rpo 15m"
        )
    if known and known.system_identifier != found.system_identifier:
        raise Refused(f"{folder} is the archive of another server ({known.system_identifier}): give another folder")
    major = major_of(server.version)
    if known and known.major != major:
        raise Refused(f"{folder} is the archive of PostgreSQL {known.major}, and the server is {major}: a new folder")
    tools = Tools(*(tool_for(name, major) for name in ("pg_receivewal", "pg_basebackup", "pg_verifybackup")))
    archive = known or Archive(FORMAT, found.system_identifier, slot, found.segment_size, major)
    return archive, tools, tuple(advice(found))


def follow(settings: Settings, folder: Path, *, rules: Rules, stopped: Event, tell: Tell) -> None:
    """Follow the server's log until `stopped`, through outages of the server and a full disk.

    Raises:
        LockHeld: another archiver is at work in the folder.
        Refused: as for `prepare`.
        Unusable: the folder cannot be written.
        Unavailable: the server cannot be reached at the start.
    """
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
        self._making: Thread | None = None
        self._made: Base | None = None
        self._failed_at: datetime | None = None
        self._failure: str | None = None
        self._problem: str | None = None
        self._last_base: datetime | None = None
        self._stopped = Event()

    def run(self, stopped: Event) -> None:
        self._remove_leftovers()
        self._stopped = stopped
        try:
            while not stopped.is_set():
                position = self._step()
                self._say(position)
                stopped.wait(_TICK)
        finally:
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
            why = _why_not(chains[-1], position, self._archive.segment_size) if chains else ""
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
            reached = self._marks.popleft()[1]
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
            self._making = Thread(target=self._make_base, args=(self._chain,))
            self._making.start()

    def _make_base(self, chain: Path) -> None:
        try:
            self._made = make_base(self._settings, self._tools, chain, stopped=self._stopped)
            self._failure = None
        except (AtbDbError, OSError) as error:
            self._failed_at = datetime.now(UTC)
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
                self._tell(f"Base backup {done.folder.name}: {done.bytes:,} bytes in {done.seconds:.1f} s, checked.")
                self._retain()
                return
        except (AtbDbError, OSError) as error:
            self._tell(f"After the base backup {made.folder.name}: {error}")
        shutil.rmtree(made.folder, ignore_errors=True)

    def _retain(self) -> None:
        since = datetime.now(UTC) - self._rules.keep
        chains = read_chains(self._folder, self._archive.segment_size)
        for old in expired_chains(chains, since=since):
            discard(old.folder)
        for chain in read_chains(self._folder, self._archive.segment_size):
            gone = expired_bases(chain, since=since)
            for base in gone:
                base.folder.with_suffix(".json").unlink(missing_ok=True)
                discard(base.folder)
            kept = [base for base in chain.bases if base not in gone]
            for segment in expired_segments(chain, kept, self._archive.segment_size):
                segment.unlink(missing_ok=True)

    def _compress(self) -> None:
        """Compress a finished segment, one a look; the newest stays, as pg_receivewal may come back to it."""
        assert self._chain is not None  # noqa: S101
        chain = read_chain(self._chain, self._archive.segment_size)
        finished = [one for one in chain.segments if not (one.partial or one.compressed)]
        if len(finished) > 1:
            compress(chain.wal / finished[0].file)

    def _say(self, position: Position | None) -> None:
        running = self._receiver is not None and self._receiver.is_running()
        behind = position.written - position.kept if position is not None and position.kept is not None else None
        state = State(
            pid=os.getpid(),
            updated_at=datetime.now(UTC),
            chain=self._chain.name if self._chain else None,
            streaming=running and position is not None and position.is_active,
            protected_until=self._until if self._last_base is not None else None,
            behind_bytes=None if behind is None else max(0, behind),
            problem=self._problem,
        )
        # On a full disk the last state stays as it was, and grows old, which is what it says then.
        with suppress(OSError):
            write_state(self._folder, state)

    def _remove_leftovers(self) -> None:
        """What killed archivers have left: unfinished base backups, compressions and removals."""
        for left in (*self._folder.glob(f"chains/*/base/*{PART}"), *self._folder.glob("chains/*/base/*.gone")):
            shutil.rmtree(left, ignore_errors=True)
        for left in self._folder.glob("chains/*.gone"):
            shutil.rmtree(left, ignore_errors=True)
        for left in (*self._folder.glob(f"chains/*/wal/*{PART}"), *self._folder.glob(f"chains/*/base/*.json{PART}")):
            left.unlink(missing_ok=True)


def _why_not(chain: Chain, position: Position, segment_size: int) -> str | None:
    """Why the log cannot go on in this chain; None if it can."""
    if not position.has_slot:
        return "the replication slot is gone"
    if not position.is_usable or position.kept is None:
        return "the server no longer keeps the log for us"
    if chain.missing:
        return f"{len(chain.missing)} segments of the log are missing in {chain.folder.name}"
    newest = max((one.number for one in chain.segments), default=None)
    if newest is None:
        return None if not chain.bases else f"the log of {chain.folder.name} is gone"
    if newest + 1 < position.kept // segment_size:
        return "the slot is further than the archive"
    return None


def compress(segment: Path) -> None:
    """Replace a finished segment by its compressed form; killed at any time, one of them is there."""
    target = segment.with_name(segment.name + ".gz")
    part = segment.with_name(segment.name + PART)
    with segment.open("rb") as source, part.open("wb") as file:
        with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=1) as packed:
            shutil.copyfileobj(source, packed, 1 << 20)
        file.flush()
        os.fsync(file.fileno())
    part.chmod(0o600)
    part.rename(target)
    sync(target.parent)
    segment.unlink()


def drop_slot(settings: Settings, archive: Archive) -> bool:
    """Have the server keep its log no longer for the archive; whether it did. The next start begins a new chain."""
    with changing(settings) as (connection, _):
        return _drop(connection, archive.slot)


def _drop(connection: Connection, slot: str) -> bool:
    try:
        found = connection.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", [slot]
        ).fetchall()
    except psycopg.errors.ObjectInUse:
        raise Refused(f"the slot {slot} is in use: stop the archiver first") from None
    return bool(found)
