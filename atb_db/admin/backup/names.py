"""Where backups lie: <folder>/<database>/<YYYY>/<MM>/<DD>/backup-<time>.dump, and its manifest beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

PART: Final = ".part"
"""Ending of what is not yet finished."""

_NAME: Final = re.compile(r"backup-(\d{8}T\d{6}\.\d{3})Z\.dump")
_FORMAT: Final = "%Y%m%dT%H%M%S.%f"
_DAYS: Final = "[0-9]" * 4 + "/" + "[0-9]" * 2 + "/" + "[0-9]" * 2


def database_folder(folder: Path, database: str) -> Path:
    """The folder of a database's backups; a name that is no good file name is quoted as in a URL."""
    name = quote(database, safe=" +,=@")
    return folder / (name if name.strip(".") else name.replace(".", "%2E"))


def dump_file(folder: Path, time: datetime) -> Path:
    """The file of the backup that was made at this time, below the database's folder."""
    moment = time.astimezone(UTC)
    name = f"backup-{moment.strftime(_FORMAT)[:-3]}Z.dump"
    return folder / f"{moment:%Y}" / f"{moment:%m}" / f"{moment:%d}" / name


def manifest_file(dump: Path) -> Path:
    """The file that says what the dump holds."""
    return dump.with_suffix(".json")


def part_file(path: Path) -> Path:
    """The name of the file while it is being written."""
    return path.with_name(path.name + PART)


def time_of(dump: Path) -> datetime | None:
    """When the backup was made, by its file's name; None for a file that is none."""
    found = _NAME.fullmatch(dump.name)
    if found is None:
        return None
    try:
        return datetime.strptime(found[1], _FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None


def dump_files(folder: Path) -> list[Path]:
    """The dumps below a database's folder, the oldest first."""
    found = ((time_of(path), path) for path in folder.glob(f"{_DAYS}/backup-*.dump"))
    return [path for _, path in sorted((time, path) for time, path in found if time is not None)]


def copies(folder: Path) -> Iterator[Path]:
    """The folders of encrypted copies that interrupted backups have left below a database's folder."""
    yield from folder.glob(f"{_DAYS}/.sending-*")


def leftovers(folder: Path) -> Iterator[Path]:
    """What interrupted backups have left below a database's folder: unfinished files, manifests without a dump."""
    yield from folder.glob(f"{_DAYS}/backup-*{PART}")
    for path in folder.glob(f"{_DAYS}/backup-*.json"):
        dump = path.with_suffix(".dump")
        if time_of(dump) and not dump.exists():
            yield path
