"""A base backup compared with the manifest that the server has sent, as pg_verifybackup does it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MANIFEST: Final = "backup_manifest"
_UNSENT: Final = frozenset({MANIFEST, "postgresql.auto.conf", "recovery.signal", "standby.signal"})
"""What may lie there, and is not in the manifest; and the log."""
_CHECKSUM: Final = b'"Manifest-Checksum"'


def differences(folder: Path) -> Iterator[str]:
    """What is not as it was sent, one sentence each."""
    try:
        content = (folder / MANIFEST).read_bytes()
        manifest = json.loads(content)
        files = {_path(one): (int(one["Size"]), str(one["Checksum"])) for one in manifest["Files"]}
        own = str(manifest["Manifest-Checksum"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield f"{MANIFEST} cannot be read: {error}"
        return
    if hashlib.sha256(content[: content.rindex(_CHECKSUM)]).hexdigest() != own:
        yield f"{MANIFEST} has another checksum than it says"
    for name, (size, checksum) in files.items():
        yield from _compared(folder / name, name, size, checksum)
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_file() and name not in files and name not in _UNSENT and not name.startswith("pg_wal/"):
            yield f"{name} was not sent"


def _path(entry: dict[str, str]) -> str:
    return entry["Path"] if "Path" in entry else bytes.fromhex(entry["Encoded-Path"]).decode()


def _compared(path: Path, name: str, size: int, checksum: str) -> Iterator[str]:
    try:
        with path.open("rb") as file:
            found = path.stat().st_size
            if found != size:
                yield f"{name} has {found} bytes instead of {size}"
            elif hashlib.file_digest(file, "sha256").hexdigest() != checksum:
                yield f"{name} has another checksum"
    except OSError as error:
        yield f"{name} cannot be read: {error.strerror}"
