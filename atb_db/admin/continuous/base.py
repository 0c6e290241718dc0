"""Base backups: made by pg_basebackup, checked by pg_verifybackup, and there only once both are done."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from time import perf_counter
from typing import Final, NamedTuple, cast

from atb_db.admin.backup.folder import sync
from atb_db.admin.connection import changing
from atb_db.admin.continuous.comparing import MANIFEST, differences
from atb_db.admin.continuous.layout import PART, Base, base_folder, write_base
from atb_db.admin.continuous.segments import parse_position
from atb_db.admin.errors import BadBackup, ToolMissing
from atb_db.admin.programs import Invocation, Tool, connection_environment, run, running, tool_for
from atb_db.config import Settings
from atb_db.errors import AtbDbError

_POLL_SECONDS: Final = 0.2


class Tools(NamedTuple):
    """PostgreSQL's programs that an archive needs."""

    receive: Tool
    base: Tool
    verify: Tool | None
    """None where it is not installed, as in the wheel: then the same is compared here."""


def make_base(settings: Settings, tools: Tools, chain: Path, *, stopped: Event, parent: Base | None = None) -> Base:
    """Copy the server's files into the chain, as they can be started from once the log is replayed; checked.

    With a `parent` only what has changed since that base backup is copied.

    The log itself must be followed already, and must be followed until `end_position` before the backup counts:
    `finish_base` is for then.

    Raises:
        AtbDbError: pg_basebackup failed, or the disk is full.
        BadBackup: what was written is not what was sent.
    """
    begun = perf_counter()
    started_at = datetime.now(UTC)
    folder = base_folder(chain, started_at)
    part = folder.with_name(folder.name + PART)
    environment, rest = connection_environment(settings)
    try:
        arguments = [
            *(str(tools.base.path), f"--pgdata={part}", "--wal-method=none", "--checkpoint=fast", "--no-password"),
            *("--manifest-checksums=SHA256", f"--label=atb-db {started_at:%Y-%m-%d %H:%M:%S}"),
            *([f"--dbname={rest}"] if rest else []),
            *([f"--incremental={parent.folder / MANIFEST}"] if parent is not None else []),
        ]
        with running(Invocation(tools.base.path, tuple(arguments), environment)) as child:
            while child.poll() is None:
                if stopped.wait(_POLL_SECONDS):
                    raise AtbDbError("stopped while the base backup was being made")
        check_base(tools.verify, part)
        start, end = _positions(part)
        with changing(settings) as (connection, _):
            [(now,)] = cast("list[tuple[datetime]]", connection.execute("SELECT clock_timestamp()").fetchall())
        size = sum(file.stat().st_size for file in part.rglob("*") if file.is_file())
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    seconds = round(perf_counter() - begun, 3)
    since = None if parent is None else parent.folder.name
    return Base(part, started_at, now.astimezone(UTC), start, end, size, seconds, since)


def lay_out_base(lineage: Sequence[Base], target: Path, *, major: int) -> None:
    """Make what a server can be started from: a copy of a base backup, put together with its parents if it has any.

    Raises:
        BadBackup: they do not fit each other.
        ToolMissing: there is no pg_combinebackup of that version.
    """
    if len(lineage) == 1:
        shutil.copytree(lineage[0].folder, target)
        return
    tool = tool_for("pg_combinebackup", major)
    folders = [str(base.folder) for base in lineage]
    try:
        run(Invocation(tool.path, (str(tool.path), f"--output={target}", "--no-sync", *folders), {}))
    except ToolMissing:
        raise
    except AtbDbError as error:
        raise BadBackup(f"the base backup {lineage[-1].folder.name} cannot be put together: {error.message}") from None


def finish_base(base: Base) -> Base:
    """Give a base backup its name, now that the log that belongs to it is there."""
    folder = base.folder.with_name(base.folder.name.removesuffix(PART))
    named = base._replace(folder=folder)
    write_base(named)
    base.folder.rename(folder)
    sync(folder.parent)
    return named


def verifier(major: int) -> Tool | None:
    """pg_verifybackup, if there is one of that version."""
    try:
        return tool_for("pg_verifybackup", major)
    except ToolMissing:
        return None


def check_base(tool: Tool | None, folder: Path) -> None:
    """Compare every file with the manifest that the server has sent.

    Raises:
        BadBackup: one is missing, or is not what was sent.
    """
    if tool is None:
        if (problem := next(differences(folder), None)) is not None:
            raise BadBackup(f"the base backup {folder.name} is damaged: {problem}")
        return
    try:
        run(Invocation(tool.path, (str(tool.path), "--no-parse-wal", "--quiet", str(folder)), {}))
    except ToolMissing:
        raise
    except AtbDbError as error:
        raise BadBackup(f"the base backup {folder.name} is damaged: {error.message}") from None


def _positions(folder: Path) -> tuple[int, int]:
    """Where in the log it begins and ends."""
    with closing((folder / MANIFEST).open(encoding="utf-8")) as file:
        manifest = json.load(file)
    ranges = manifest["WAL-Ranges"]
    starts, ends = ([parse_position(str(one[edge])) for one in ranges] for edge in ("Start-LSN", "End-LSN"))
    return min(starts), max(ends)
