"""Where an embedded server's files can be: short enough a path for its socket, and open to its account."""

import os
import tempfile
from pathlib import Path
from typing import Final

from atb_db.embedded.account import Account
from atb_db.errors import ConfigurationError

_RAM_DISK_BYTES: Final = 2 << 30
_LONGEST_SOCKET_PATH: Final = 103  # macOS; Linux takes 107


def temporary_base(account: Account, *, durable: bool) -> Path:
    """A new folder, in memory where that is possible and nothing has to be durable.

    Raises:
        ConfigurationError: no temporary folder of this machine will do.
    """
    parents = (None if durable else _ram_disk(), Path(tempfile.gettempdir()), Path("/tmp"))  # noqa: S108
    for parent in filter(None, parents):
        enterable = account.uid is None or _open_to_all(parent.resolve())
        if enterable and _short_enough(parent / "atb-db-12345678"):
            base = Path(tempfile.mkdtemp(prefix="atb-db-", dir=parent))
            if account.uid is not None:
                base.chmod(0o711)
            return base
    raise ConfigurationError("No temporary folder with a short path that every user may enter")


def given_base(folder: Path, account: Account) -> Path:
    """The folder, made if need be.

    Raises:
        ConfigurationError: the server cannot use it.
    """
    base = folder.resolve()
    made = [part for part in (base, *base.parents) if not part.exists()]
    base.mkdir(parents=True, exist_ok=True)
    if account.uid is not None:
        for part in made:
            part.chmod(0o711)  # whatever the umask has made of it
        if not _open_to_all(base):
            raise ConfigurationError(f"The server's user may not enter {base}")
    if not _short_enough(base):
        raise ConfigurationError(f"The path is too long for a unix socket: {base}")
    return base


def _open_to_all(folder: Path) -> bool:
    return all(part.stat().st_mode & 0o001 for part in (folder, *folder.parents))


def _short_enough(base: Path) -> bool:
    return len(str(base / "tmp/.s.PGSQL.65535")) <= _LONGEST_SOCKET_PATH


def _ram_disk() -> Path | None:
    """Linux's, if it has room and lets programs run: databases are made there ten times as fast."""
    folder = Path("/dev/shm")  # noqa: S108
    if "TMPDIR" in os.environ or not folder.is_dir():
        return None
    system = os.statvfs(folder)
    roomy = system.f_bavail * system.f_frsize >= _RAM_DISK_BYTES
    return folder if roomy and not system.f_flag & os.ST_NOEXEC else None
