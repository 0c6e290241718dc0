"""Base backups: made by pg_basebackup, checked by pg_verifybackup, and there only once both are done."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from time import perf_counter
from typing import Final, NamedTuple, cast

from atb_db.admin.backup.folder import sync
from atb_db.admin.connection import changing
from atb_db.admin.continuous.layout import PART, Base, base_folder, write_base
from atb_db.admin.continuous.segments import parse_position
from atb_db.admin.errors import BadBackup, ToolMissing
from atb_db.admin.programs import Invocation, Tool, connection_environment, run, running
from atb_db.config import Settings
from atb_db.errors import AtbDbError

_MANIFEST: Final = "backup_manifest"
_POLL_SECONDS: Final = 0.2


class Tools(NamedTuple):
    """PostgreSQL's programs that an archive needs."""

    receive: Tool
    base: Tool
    verify: Tool


def make_base(settings: Settings, tools: Tools, chain: Path, *, stopped: Event) -> Base:
    """Copy the server's files into the chain, as they can be started from once the log is replayed; checked.

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
    return Base(part, started_at, now.astimezone(UTC), start, end, size, round(perf_counter() - begun, 3))


def finish_base(base: Base) -> Base:
    """Give a base backup its name, now that the log that belongs to it is there."""
    folder = base.folder.with_name(base.folder.name.removesuffix(PART))
    named = base._replace(folder=folder)
    write_base(named)
    base.folder.rename(folder)
    sync(folder.parent)
    return named


def check_base(tool: Tool, folder: Path) -> None:
    """Compare every file with the manifest that the server has sent.

    Raises:
        BadBackup: one is missing, or is not what was sent.
    """
    try:
        run(Invocation(tool.path, (str(tool.path), "--no-parse-wal", "--quiet", str(folder)), {}))
    except ToolMissing:
        raise
    except AtbDbError as error:
        raise BadBackup(f"the base backup {folder.name} is damaged: {error.message}") from None


def _positions(folder: Path) -> tuple[int, int]:
    """Where in the log it begins and ends."""
    with closing((folder / _MANIFEST).open(encoding="utf-8")) as file:
        manifest = json.load(file)
    ranges = manifest["WAL-Ranges"]
    starts, ends = ([parse_position(str(one[edge])) for one in ranges] for edge in ("Start-LSN", "End-LSN"))
    return min(starts), max(ends)
