"""The folder of a database's backups: its lock, its private files, and its contents."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from errno import EDQUOT, EFBIG, ENOSPC
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Final, NamedTuple

from atb_db.admin.backup.manifest import Manifest, checksum, read_manifest
from atb_db.admin.backup.names import dump_files, manifest_file, time_of
from atb_db.admin.errors import BadBackup, LockHeld, Unusable
from atb_db.errors import AtbDbError

_LOCK: Final = ".lock"
_FULL: Final = frozenset({ENOSPC, EDQUOT, EFBIG})
CLOCK_SKEW: Final = timedelta(minutes=5)
"""By how much two machines' clocks may differ."""


class Listed(NamedTuple):
    """A backup as it lies in its folder."""

    path: Path
    time: datetime
    """By its name."""
    manifest: Manifest | None
    problem: str | None
    """Why it is no good backup, as far as is known without reading it; None if it seems to be one."""


class Freshness(NamedTuple):
    """How much would be lost if the database were lost now."""

    newest: Listed | None
    """The newest backup whose checksum is right; None if there is none."""
    age: timedelta | None
    """Its age."""
    passed_over: tuple[Listed, ...]
    """Newer ones that are no good."""


@contextmanager
def usable(what: Path) -> Iterator[None]:
    """Raise the operating system's errors as ours.

    Raises:
        Unusable: a file or folder does not exist, or may not be read or written.
        AtbDbError: the disk is full.
    """
    try:
        yield
    except OSError as error:
        name = error.filename if isinstance(error.filename, str) else what
        kind = AtbDbError if error.errno in _FULL else Unusable
        raise kind(f"{name} cannot be used: {error.strerror}") from None


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Make the folder, and be the only process that changes it; the lock ends with the process.

    Raises:
        LockHeld: another one is at work in it.
        Unusable: it cannot be made or written.
    """
    with alone(home, _LOCK, f"another backup is being made in {home}"):
        yield


@contextmanager
def alone(folder: Path, lock_name: str, refusal: str) -> Iterator[None]:
    """Make the folder, and be the only process that holds its lock file of this name.

    Raises:
        LockHeld: another process holds it; the refusal says so.
        Unusable: the folder cannot be made or written.
    """
    with usable(folder):
        make_private(folder)
        lock = os.open(folder / lock_name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise LockHeld(refusal) from None
        yield
    finally:
        os.close(lock)


def make_private(folder: Path) -> None:
    """Make the folder, and those above it that are missing, for its owner alone."""
    for missing in [path for path in (folder, *folder.parents) if not path.exists()][::-1]:
        missing.mkdir(mode=0o700, exist_ok=True)


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's names, would survive a power failure."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(dump: Path, home: Path) -> None:
    """Remove a backup, and the folders below `home` that it leaves empty."""
    # In this order, as a manifest alone is a leftover that goes with the next backup.
    dump.unlink(missing_ok=True)
    manifest_file(dump).unlink(missing_ok=True)
    for folder in dump.parents:
        if folder == home:
            break
        with suppress(OSError):
            folder.rmdir()


def list_backups(home: Path, *, now: datetime | None = None) -> list[Listed]:
    """The backups of a database, the oldest first; only their manifests are read."""
    with usable(home):
        return [inspect(dump, now=now) for dump in dump_files(home)]


def inspect(dump: Path, *, now: datetime | None = None, thorough: bool = False) -> Listed:
    """Facts about a dump without reading it, or when `thorough` with its checksum."""
    time = time_of(dump)
    try:
        manifest = read_manifest(dump)
    except BadBackup as error:
        return Listed(dump, time or datetime.fromtimestamp(0, UTC), None, error.message)
    problem = None
    size = dump.stat().st_size
    if size != manifest.bytes:
        problem = f"{dump.name} has {size} bytes where its manifest says {manifest.bytes}"
    elif manifest.started_at > (now or datetime.now(UTC)) + CLOCK_SKEW:
        problem = f"{dump.name} was made in the future, at {manifest.started_at:%Y-%m-%d %H:%M:%S} UTC"
    elif thorough and checksum(dump) != manifest.sha256:
        problem = f"{dump.name} is not what was written: its checksum differs"
    return Listed(dump, time or manifest.started_at, manifest, problem)


def freshness(home: Path, *, now: datetime | None = None) -> Freshness:
    """The newest backup whose checksum is right now, and its age; reads it."""
    now = now or datetime.now(UTC)
    passed_over: list[Listed] = []
    with usable(home):
        for dump in reversed(dump_files(home)):
            found = inspect(dump, now=now, thorough=True)
            if found.manifest is not None and found.problem is None:
                return Freshness(found, now - found.manifest.started_at, tuple(passed_over))
            passed_over.append(found)
    return Freshness(None, None, tuple(passed_over))
