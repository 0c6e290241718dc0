"""Whether other users of this machine can read what holds secrets: the `.env` file, the backups."""

from __future__ import annotations

import shlex
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from atb_db.admin.findings import Finding, Level
from atb_db.variables import DOTENV

_SEARCH: Final = stat.S_IXOTH


def is_open(path: Path) -> bool:
    """Whether everybody on this machine can read the file, or search or list the folder, by all folders above it."""
    try:
        path = path.resolve()
        mode = path.stat().st_mode
        above = [folder.stat().st_mode for folder in path.parents]
    except OSError:
        return False
    bits = stat.S_IROTH | _SEARCH if stat.S_ISDIR(mode) else stat.S_IROTH
    return bool(mode & bits) and all(one & _SEARCH for one in above)


def dotenv_findings(path: Path = DOTENV) -> Iterator[Finding]:
    """Whether everybody can read the file that passwords are in."""
    if path.is_file() and is_open(path):
        mode, repair = f"mode {stat.S_IMODE(path.stat().st_mode):o}", f"chmod 600 {shlex.quote(str(path))}"
        yield Finding("file", str(path), "readable by everybody", "mode 600", mode, Level.WARNING, repair)


def backup_notes(folder: Path) -> tuple[str, ...]:
    """A warning when everybody can read the backups."""
    if not is_open(folder):
        return ()
    return (f"Everybody on this machine can read the backups: chmod 700 {shlex.quote(str(folder))}",)
