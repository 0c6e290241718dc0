"""The previous release in a process of its own, which lives on while this release migrates its database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import pytest

from atb_db.embedded import Server
from tests.upgrades.history import PIN, NoHistoryError, extract

PROGRAM = Path(__file__).with_name("last_release.py")


class LastRelease:
    """The process of last_release.py."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.url = url
        """The database that it works in."""
        self._process = process

    def ask(self, task: str) -> object:
        """What it answers to a task, which is a method there."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{task}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the previous release ended at {task}; its error is on stderr"
        return json.loads(answer)


@pytest.fixture(scope="module")
def last_release(server: Server, *, stale_catalog: bool) -> Iterator[LastRelease]:
    """The release that tests/upgrades/RELEASE names, and an empty database."""
    if stale_catalog:
        pytest.skip("sql/catalog.json is stale, and it says what migrate makes: make catalog")
    commit = PIN.read_text(encoding="utf-8").strip()
    folder = Path(mkdtemp(prefix="atb-release-"))
    try:
        extract(commit, folder)
        url = server.create_database("last_release", template="template0")
        # Whatever measures this process measures this checkout, and nothing else.
        environ = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
        with subprocess.Popen(
            [sys.executable, "-P", PROGRAM, folder, url],
            env=environ | {"PYTHONPATH": str(folder)},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            yield LastRelease(process, url)
            process.communicate()
        assert process.returncode == 0
    except NoHistoryError as error:
        pytest.skip(f"there is no previous release here: {error}")
    finally:
        rmtree(folder)
