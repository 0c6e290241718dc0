"""The previous release, taken from the repository's own history."""

from __future__ import annotations

import os
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path
from shutil import which

ROOT = Path(__file__).parents[2]
PIN = Path(__file__).with_name("RELEASE")
"""Names the release's commit."""


class NoHistoryError(Exception):
    """There is no history to take a release from; the message says why."""


def extract(commit: str, folder: Path, *, root: Path = ROOT) -> None:
    """Write the package, the SQL and the tests of a commit into a folder.

    Raises:
        NoHistoryError: root is no repository of its own, or one without its older commits.
        subprocess.CalledProcessError: the repository is complete, and there is no such commit.
    """
    try:
        top = _git(root, "rev-parse", "--show-toplevel").decode().strip()
    except subprocess.CalledProcessError as error:
        raise NoHistoryError(error.stderr.decode().strip()) from None
    if Path(top).resolve() != root.resolve():
        raise NoHistoryError(f"{root} is no repository, as an sdist is none")
    try:
        archive = _git(root, "archive", commit, "atb_db", "sql", "tests", "pyproject.toml")
    except subprocess.CalledProcessError:
        if _git(root, "rev-parse", "--is-shallow-repository").strip() == b"true":
            raise NoHistoryError(f"the clone is shallow and has no {commit}: git fetch --unshallow") from None
        raise
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")


def _git(root: Path, *arguments: str) -> bytes:
    if (git := which("git")) is None:
        raise NoHistoryError("git is not installed")
    # A hook's variables name the repository that it runs for.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run([git, "-C", root, *arguments], check=True, capture_output=True, env=environ).stdout
