"""What lies where in the folder of an archive, and what is written there about it.

    archive.json                which server it is of, and its slot
    state.json                  what the archiver last knew
    chains/<time>/chain.json    until when the chain goes on
    chains/<time>/wal/          the log without a gap, as pg_receivewal writes it; finished segments are compressed
    chains/<time>/base/<time>/  base backups, which a server could be started from; base.json beside each

A chain has no gaps: whatever interrupts the log begins another one.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Final, NamedTuple

from atb_db.admin.backup.folder import alone, make_private, sync, usable
from atb_db.admin.continuous.segments import Segment, holes, parse_segments
from atb_db.admin.errors import Unusable

FORMAT: Final = 1
_LOCK: Final = ".lock"
ARCHIVE: Final = "archive.json"
_STATE: Final = "state.json"
_CHAINS: Final = "chains"
CHAIN: Final = "chain.json"
_TIME: Final = "%Y%m%dT%H%M%S.%fZ"
GONE: Final = ".gone"
PART: Final = ".part"


class Archive(NamedTuple):
    """What the archive is of."""

    format: int
    system_identifier: str
    slot: str
    segment_size: int
    major: int
    """Of PostgreSQL; a restore needs a server of the same."""


class ArchiverState(NamedTuple):
    """What the archiver last knew; times are those of the server's clock but for `updated_at`."""

    pid: int
    updated_at: datetime
    chain: str | None
    streaming: bool
    """Whether the log was being received."""
    protected_until: datetime | None
    """Everything that was committed until then can be restored."""
    behind_bytes: int | None
    """How much of the log the server had written, and the archive had not yet."""
    problem: str | None
    """What keeps it from its work, or kept it last."""
    elsewhere_until: datetime | None = None
    """Everything that was committed until then has been handed on to --then."""


class Base(NamedTuple):
    """A base backup."""

    folder: Path
    started_at: datetime
    finished_at: datetime
    """Any moment from then on can be restored with it."""
    start_position: int
    end_position: int
    bytes: int
    seconds: float
    parent: str | None = None
    """Name of the base backup since which it has the changes only; None for a whole one."""


class Chain(NamedTuple):
    """A part of the archive without a gap."""

    folder: Path
    until: datetime | None
    """Everything that was committed until then is in it."""
    bases: tuple[Base, ...]
    segments: tuple[Segment, ...]
    missing: tuple[int, ...]
    """Numbers of segments that should be there and are not; such a chain cannot be relied on."""

    @property
    def wal(self) -> Path:
        """The folder of the log."""
        return self.folder / "wal"

    def lineage(self, base: Base) -> tuple[Base, ...]:
        """The base backups that one is put together from: a whole one first, itself last."""
        named = {one.folder.name: one for one in self.bases}
        found = [base]
        while (parent := found[0].parent) is not None:
            found.insert(0, named[parent])
        return tuple(found)


@contextmanager
def archiving(folder: Path) -> Iterator[None]:
    """Make the folder, and be the only archiver in it; the lock ends with the process.

    Raises:
        LockHeld: another one is at work in it.
        Unusable: it cannot be made or written.
    """
    with alone(folder, _LOCK, f"an archiver is at work in {folder} already"):
        yield


def is_archiving(folder: Path) -> bool:
    """Whether an archiver is at work in the folder.

    Raises:
        Unusable: that cannot be found out.
    """
    with usable(folder):
        try:
            lock = os.open(folder / _LOCK, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
    try:
        flock(lock, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def read_archive(folder: Path) -> Archive | None:
    """What the archive is of; None where there is none yet.

    Raises:
        Unusable: the record cannot be read, or is of another version.
    """
    found = _read(folder / ARCHIVE)
    if found is None:
        return None
    try:
        archive = Archive(
            int(str(found["format"])),
            str(found["system_identifier"]),
            str(found["slot"]),
            int(str(found["segment_size"])),
            int(str(found["major"])),
        )
    except (KeyError, ValueError):
        raise Unusable(f"{folder / ARCHIVE} cannot be read") from None
    if archive.format != FORMAT:
        raise Unusable(f"{folder / ARCHIVE} was written by another version of atb-db")
    return archive


def write_archive(folder: Path, archive: Archive) -> None:
    """Say what the archive is of."""
    _write(folder / ARCHIVE, archive._asdict())


def read_state(folder: Path) -> ArchiverState | None:
    """What the archiver last knew; None if there never was one, or what it wrote cannot be read."""
    found = _read(folder / _STATE)
    if found is None:
        return None
    with suppress(KeyError, ValueError, TypeError):
        behind = found["behind_bytes"]
        return ArchiverState(
            pid=int(str(found["pid"])),
            updated_at=datetime.fromisoformat(str(found["updated_at"])),
            chain=None if found["chain"] is None else str(found["chain"]),
            streaming=bool(found["streaming"]),
            protected_until=_moment(found["protected_until"]),
            behind_bytes=None if behind is None else int(str(behind)),
            problem=None if found["problem"] is None else str(found["problem"]),
            elsewhere_until=_moment(found.get("elsewhere_until")),
        )
    return None


def write_state(folder: Path, state: ArchiverState) -> None:
    """Say what the archiver knows."""
    _write(folder / _STATE, _plain(state._asdict()), durable=False)


def new_chain(folder: Path) -> Path:
    """Begin a chain."""
    chain = folder / _CHAINS / datetime.now(UTC).strftime(_TIME)
    make_private(chain / "wal")
    (chain / "base").mkdir(mode=0o700)
    for changed in (chain, chain.parent, folder):
        sync(changed)
    return chain


def write_until(chain: Path, until: datetime) -> None:
    """Say until when everything is in the chain."""
    _write(chain / CHAIN, {"until": until.isoformat()}, durable=False)


def read_chains(folder: Path, segment_size: int) -> list[Chain]:
    """The chains, the oldest first, each with what is in it."""
    with usable(folder):
        found = sorted(path for path in (folder / _CHAINS).glob("*") if path.is_dir() and path.suffix != GONE)
        return [read_chain(path, segment_size) for path in found]


def read_chain(folder: Path, segment_size: int) -> Chain:
    """One chain."""
    bases = tuple(_whole(filter(None, map(_read_base, sorted((folder / "base").glob("*/"))))))
    # A chain that is being begun at this moment has no log yet.
    names = [path.name for path in (folder / "wal").glob("*")]
    segments = tuple(parse_segments(names, segment_size))
    said = _read(folder / CHAIN)
    missing: tuple[int, ...] = ()
    if bases:
        first = min(one.start_position for one in bases) // segment_size
        last = max((one.end_position - 1) // segment_size for one in bases)
        newest = max((one.number for one in segments), default=first - 1)
        missing = tuple(holes(segments, first=first, last=max(last, newest)))
    return Chain(folder, _moment(said.get("until")) if said else None, bases, segments, missing)


def _whole(bases: Iterable[Base]) -> Iterator[Base]:
    """Those whose parents are there; in order, as parents are older."""
    there: set[str | None] = {None}
    for base in bases:
        if base.parent in there:
            there.add(base.folder.name)
            yield base


def write_base(base: Base) -> None:
    """Record what is known of a base backup, beside it."""
    _write(base.folder.with_suffix(".json"), _plain(base._asdict() | {"folder": base.folder.name}))


def base_folder(chain: Path, started_at: datetime) -> Path:
    """Where a base backup lies."""
    return chain / "base" / started_at.strftime(_TIME).replace(".", "_")


def discard(folder: Path) -> None:
    """Remove a folder with all that is in it; one that is half removed is not mistaken for a whole one."""
    gone = folder.with_name(folder.name + GONE)
    if folder.exists():
        folder.rename(gone)
        sync(gone.parent)
    shutil.rmtree(gone, ignore_errors=True)


def _read_base(folder: Path) -> Base | None:
    if folder.suffix:
        return None
    found = _read(folder.with_suffix(".json"))
    with suppress(KeyError, ValueError, TypeError):
        if found is not None:
            return Base(
                folder,
                datetime.fromisoformat(str(found["started_at"])),
                datetime.fromisoformat(str(found["finished_at"])),
                int(str(found["start_position"])),
                int(str(found["end_position"])),
                int(str(found["bytes"])),
                float(str(found["seconds"])),
                None if found.get("parent") is None else str(found["parent"]),
            )
    return None


def _moment(value: object) -> datetime | None:
    return None if value is None else datetime.fromisoformat(str(value))


def _plain(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in fields.items()}


def _read(path: Path) -> Mapping[str, object] | None:
    try:
        found: object = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {}
    return {str(name): value for name, value in found.items()} if isinstance(found, dict) else {}


def _write(path: Path, content: Mapping[str, object], *, durable: bool = True) -> None:
    part = path.with_name(path.name + PART)
    part.touch(mode=0o600)
    part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    if durable:
        sync(part)
    part.rename(path)
    if durable:
        sync(path.parent)
