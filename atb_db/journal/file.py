"""The journal's file: one writer, appended and synced line by line, replaced as a whole when it is compacted."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from errno import EDQUOT, EFBIG, ENOSPC
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from stat import S_ISREG
from typing import Final, NamedTuple

from atb_db.errors import JournalHeld, JournalUnusable, ResourceFull
from atb_db.journal.frames import Record, is_torn, unframe

_FULL: Final = frozenset({ENOSPC, EDQUOT, EFBIG})
# Nothing here waits for the other end of a pipe, or goes by way of a link.
_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
_WRITE: Final = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
_MODE: Final = 0o600


class Line(NamedTuple):
    """A line as it is in the file."""

    raw: bytes
    record: Record | None
    """None if the line is damaged or torn."""
    torn: bool = False
    """Whether it is the last one and was never finished."""


def read_lines(path: Path) -> Iterator[Line]:
    """The lines of a journal, also while somebody writes it.

    Raises:
        JournalUnusable: the file cannot be read, is of a later format, or is no journal.
    """
    known = False
    doubtful: list[Line] = []
    with _translated(path), os.fdopen(_open(path, _READ), "rb") as file:
        for raw in file:
            record = unframe(raw)
            line = Line(raw, record, torn=record is None and is_torn(raw))
            if record is None and not known:
                doubtful.append(line)
                continue
            known = True
            yield from doubtful
            doubtful.clear()
            yield line
    if doubtful:
        raise JournalUnusable(f"{path} is no journal of atb_db, or nothing of it can be read")


class JournalFile:
    """A journal's file in the hands of its one writer."""

    def __init__(self, path: Path) -> None:
        with _translated(path):
            try:
                self.path = path.resolve()
            except RuntimeError:  # of Python before 3.13
                raise JournalUnusable(f"{path} is a link to itself") from None
            if self.is_new and path.is_symlink():
                raise JournalUnusable(f"{path} is a link to no journal: a new one is not made by way of a link")
            self._lock = _open(self._beside(".lock"), _WRITE | os.O_CREAT)
        self._file: int | None = None
        self._is_left = False
        self.size = 0
        """Bytes that are surely written."""
        try:
            flock(self._lock, LOCK_EX | LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise JournalHeld(f"another process writes {self.path}, or another Journal of this one") from None

    @property
    def is_new(self) -> bool:
        """Whether there is nothing to read."""
        with _translated(self.path):
            if not self.path.exists():
                return True
            found = self.path.stat()
            _check_regular(self.path, found)
            return not found.st_size

    def open(self) -> None:
        """Append to the file as it is, which only its owner may read from now on."""
        with _translated(self.path):
            self._file = _open(self.path, _WRITE)
            os.fchmod(self._file, _MODE)
            self.size = os.fstat(self._file).st_size

    def append(self, line: bytes, *, sync: bool = True) -> None:
        """Append a line, as a whole or not at all; synced, it outlives a power failure.

        Raises:
            ResourceFull: the disk is full.
            JournalUnusable: the file has been removed, or its disk fails.
        """
        file = self._opened()
        with _translated(self.path):
            if not os.fstat(file).st_nlink:
                raise JournalUnusable(f"{self.path} was removed or replaced while it was in use")
            try:
                _write(file, line)
                if sync:
                    os.fsync(file)
            except BaseException:
                self._undo(file)
                raise
        self.size += len(line)

    def replace(self, lines: Iterable[bytes]) -> None:
        """Have these lines in the file and no others; a crash leaves the old ones or the new ones.

        Raises:
            ResourceFull: the disk is full; everything is as it was.
            JournalUnusable: the disk fails.
        """
        self.check()
        new = self._beside(".new")
        with _translated(self.path):
            # What a crash has left goes; what somebody else has put there is not written to, whatever it leads to.
            new.unlink(missing_ok=True)
            file = _open(new, _WRITE | os.O_CREAT | os.O_EXCL)
            try:
                os.fchmod(file, _MODE)
                for line in lines:
                    _write(file, line)
                os.fsync(file)
                new.rename(self.path)
            except BaseException:
                os.close(file)
                with suppress(OSError):
                    new.unlink(missing_ok=True)
                raise
            self._close()
            self._file = file
            self.size = os.fstat(file).st_size
            self._sync_folder()

    def close(self) -> None:
        """Let others write the file."""
        self._close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def leave(self) -> None:
        """In a forked child: leave the file and its lock to the parent."""
        self.close()
        self._is_left = True

    def check(self) -> None:
        """Refuse what the process does that was forked from the writer.

        Raises:
            JournalUnusable: this is such a process.
        """
        if self._is_left:
            raise JournalUnusable(f"{self.path} is written by the process that this one was forked from")

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(self.path.name + suffix)

    def _opened(self) -> int:
        self.check()
        if self._file is None:
            raise JournalUnusable(f"{self.path} is closed, or its disk failed before: open it again")
        return self._file

    def _undo(self, file: int) -> None:
        """Take back a line that was not written as a whole; if not even that can be done, write no more."""
        try:
            os.ftruncate(file, self.size)
            os.fsync(file)
        except OSError:
            self._close()

    def _sync_folder(self) -> None:
        """Make the file's name outlive a power failure, or write no more: it would go to a file that may be gone."""
        try:
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError:
            self._close()
            raise

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _open(path: Path, flags: int) -> int:
    """Open a regular file and nothing else; some devices act when they are opened, so it is looked at first, too."""
    with suppress(FileNotFoundError):
        _check_regular(path, path.stat())
    file = os.open(path, flags, _MODE)
    try:
        _check_regular(path, os.fstat(file))
    except JournalUnusable:
        os.close(file)
        raise
    return file


def _check_regular(path: Path, found: os.stat_result) -> None:
    if not S_ISREG(found.st_mode):
        raise JournalUnusable(f"{path} is no regular file")


def _write(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise ResourceFull(f"no room for {path}: {error.strerror}; nothing was recorded") from None
        raise JournalUnusable(f"{path} cannot be used: {error.strerror}") from None
