"""What was measured, as it is kept in results.json."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from benchmarks.evicting import Evictions
from benchmarks.measuring import Measured

FILE = Path(__file__).with_name("results.json")


class Results(NamedTuple):
    """Milliseconds, calls a second and counts, by operation and contender."""

    about: dict[str, str]
    single: dict[str, dict[str, Measured]]
    groups: dict[str, str]
    bulk: dict[str, dict[str, Measured]]
    threads: dict[str, dict[str, dict[str, float]]]
    tasks: dict[str, dict[str, float]]
    evictions: dict[str, dict[str, Evictions]]
    starts: dict[str, Measured]
    counts: dict[str, dict[str, tuple[int, int, int]]]
    """Statements, round trips, transactions."""
    effort: dict[str, dict[str, tuple[int, int]]]
    """Functions called, bytes taken."""
    frames: dict[str, Measured]
    """The ratio is to connectorx."""
    failed: dict[str, dict[str, dict[str, str]]] = {}  # noqa: RUF012  never changed
    """By part, row of its table and contender: why it is not there."""
    seconds: dict[str, float] = {}  # noqa: RUF012  never changed
    """How long each part took."""

    def save(self, file: Path = FILE) -> None:
        """Write it into a file."""
        plain = self._asdict() | {
            "single": {name: _plain(found) for name, found in self.single.items()},
            "bulk": {name: _plain(found) for name, found in self.bulk.items()},
            "evictions": {name: _plain(found) for name, found in self.evictions.items()},
            "starts": _plain(self.starts),
            "frames": _plain(self.frames),
        }
        file.write_text(json.dumps(plain, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load() -> Results:
    """What the file has."""
    kept = json.loads(FILE.read_text(encoding="utf-8"))
    for part in ("single", "bulk"):
        kept[part] = {name: _measured(found) for name, found in kept[part].items()}
    kept["evictions"] = {
        name: {one: Evictions(**figures) for one, figures in found.items()} for name, found in kept["evictions"].items()
    }
    for part in ("starts", "frames"):
        kept[part] = _measured(kept.get(part, {}))
    return Results(**kept)


def about(server_version: str, *, quick: bool) -> dict[str, str]:
    """When, with what, on what."""
    packages = (
        "psycopg",
        "psycopg-pool",
        "SQLAlchemy",
        "aiosql",
        "asyncpg",
        "psqlpy",
        "sqlspec",
        "pyarrow",
        "connectorx",
    )
    return {
        "measured": f"{moment()}, commit {commit()}",
        "command": "make bench-quick" if quick else "make bench",
        "PostgreSQL": f"{server_version}, with its default durability, jit off",
        "Python": platform.python_version(),
        **{name: version(name) for name in packages},
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
    }


def moment() -> str:
    """Now."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


def commit() -> str:
    """That of the code, and whether it was changed since."""
    git = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def _plain(found: Mapping[str, Measured | Evictions]) -> dict[str, dict[str, float]]:
    return {name: {field: round(value, 4) for field, value in one._asdict().items()} for name, one in found.items()}


def _measured(found: dict[str, dict[str, float]]) -> dict[str, Measured]:
    return {name: Measured(**one) for name, one in found.items()}  # type: ignore[arg-type]  # as they were saved
