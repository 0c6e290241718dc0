"""How an archive stands: what it protects, since when, and what is amiss with it."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from time import monotonic, sleep
from typing import Final, NamedTuple

from atb_db.admin.backup.folder import usable
from atb_db.admin.continuous.layout import ArchiverState, Chain, is_archiving, read_archive, read_chains, read_state
from atb_db.admin.continuous.plan import Window, windows
from atb_db.admin.errors import Unusable
from atb_db.admin.readable import counted, shown_duration, shown_moment, shown_size

_STOP_SECONDS: Final = 30.0
_OLD: Final = timedelta(seconds=30)
"""The archiver says twice a second how it stands."""


class ArchiveStatus(NamedTuple):
    """An archive as it lies in its folder, and its archiver; times are the server's."""

    folder: Path
    slot: str
    running: bool
    """Whether an archiver is at work."""
    streaming: bool
    """Whether it receives the log."""
    protected_until: datetime | None
    """Everything that was committed until then can be restored; None as long as there is no base backup."""
    last_base: datetime | None
    bases: int
    bytes: int
    windows: tuple[Window, ...]
    """Of which moments every one can be restored; between two of them is a gap."""
    problems: tuple[str, ...]
    """What is amiss, one sentence each."""
    elsewhere_until: datetime | None = None
    """Everything that was committed until then has been handed on to --then."""

    @property
    def age(self) -> timedelta | None:
        """How much would be lost if the server were lost now."""
        return None if self.protected_until is None else max(timedelta(), datetime.now(UTC) - self.protected_until)


def read_status(folder: Path) -> ArchiveStatus | None:
    """How the archive stands; None where there is none.

    Raises:
        Unusable: the folder cannot be read.
    """
    archive = read_archive(folder)
    if archive is None:
        return None
    chains = read_chains(folder, archive.segment_size)
    state, running = read_state(folder), is_archiving(folder)
    spans = windows(chains)
    bases = [base for chain in chains for base in chain.bases]
    with usable(folder):
        free = shutil.disk_usage(folder).free
        size = _size(folder)
    fresh = state is not None and datetime.now(UTC) - state.updated_at < _OLD
    return ArchiveStatus(
        folder=folder,
        slot=archive.slot,
        running=running,
        streaming=running and fresh and state is not None and state.streaming,
        protected_until=spans[-1].until if spans else None,
        last_base=max((base.started_at for base in bases), default=None),
        bases=len(bases),
        bytes=size,
        windows=tuple(spans),
        problems=(
            *((f"the archive's disk is full: {shown_size(free)} free",) if free < 2 * archive.segment_size else ()),
            *_problems(chains, spans, state, running=running, fresh=fresh),
        ),
        elsewhere_until=None if state is None else state.elsewhere_until,
    )


def _size(folder: Path) -> int:
    """Bytes of all files; an archiver that works meanwhile gives them other names, or removes them."""
    size = 0
    for within, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                size += os.lstat(Path(within, name)).st_size
    return size


def _problems(
    chains: list[Chain], spans: list[Window], state: ArchiverState | None, *, running: bool, fresh: bool
) -> Iterator[str]:
    if not running:
        yield "no archiver is running: atb-db archive start"
    elif not fresh:
        yield "the archiver says nothing any more: is the disk full?"
    if state is not None and state.problem is not None:
        yield state.problem
    if running and fresh and state is not None and not state.streaming:
        yield "the log is not being received"
    if running and not spans:
        yield "there is no base backup yet"
    for chain in chains:
        if chain.missing:
            yield f"{counted(len(chain.missing), 'segment')} of the log missing in {chain.folder.name}: not used"
    for before, after in pairwise(spans):
        yield f"a gap from {shown_moment(before.until)} to {shown_moment(after.since)}"


def shown_status(found: ArchiveStatus) -> str:
    """How it protects, in one sentence."""
    if found.protected_until is None or found.age is None:
        return f"Nothing can be restored from {found.folder} yet."
    first, gaps = found.windows[0].since, ", except in gaps" if len(found.windows) > 1 else ""
    return (
        f"Every moment from {shown_moment(first)} to {shown_moment(found.protected_until)} "
        f"({shown_duration(found.age)} ago) can be restored{gaps}: "
        f"{counted(found.bases, 'base backup')}, {shown_size(found.bytes)}, in {found.folder}."
        + (f" Elsewhere until {shown_moment(found.elsewhere_until)}." if found.elsewhere_until is not None else "")
    )


def stop_archiver(folder: Path) -> bool:
    """Stop the archiver at work in the folder, and wait until it has; whether there was one.

    Raises:
        Unusable: there is no telling which process it is, or it does not stop.
    """
    if not is_archiving(folder):
        return False
    state = read_state(folder)
    if state is None:
        raise Unusable(f"the archiver in {folder} has not said yet which process it is: try again")
    try:
        os.kill(state.pid, signal.SIGTERM)
    except ProcessLookupError:
        raise Unusable(f"the archiver in {folder} is not process {state.pid}: is it in another container?") from None
    end = monotonic() + _STOP_SECONDS
    while is_archiving(folder):
        if monotonic() > end:
            raise Unusable(f"the archiver, process {state.pid}, does not stop")
        sleep(0.1)
    return True
