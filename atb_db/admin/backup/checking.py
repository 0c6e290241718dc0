"""Whether a backup is undamaged and can be read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from atb_db.admin.backup.archive import read_through
from atb_db.admin.backup.folder import inspect, usable
from atb_db.admin.backup.manifest import Manifest
from atb_db.admin.errors import BadBackup
from atb_db.admin.programs import tool_for
from atb_db.admin.progress import Progress
from atb_db.embedded.binaries import major_of


def check_backup(dump: Path, *, progress: Progress | None = None) -> Manifest:
    """Compare a backup with its manifest, and read all of it; the manifest.

    Raises:
        BadBackup: it is not what was written, cannot be read, or holds other rows than its manifest says.
        ToolMissing: there is no pg_restore that can read it.
        Unusable: there is no such file.
    """
    manifest = check_file(dump)
    tool = tool_for("pg_restore", major_of(manifest.client_version))
    compare_rows(manifest.rows, read_through(dump, tool, progress=progress, total=manifest.total_rows), dump)
    return manifest


def check_file(dump: Path) -> Manifest:
    """Compare a backup's size and checksum with its manifest; the manifest.

    Raises:
        BadBackup: it is not what was written.
        Unusable: there is no such file.
    """
    with usable(dump):
        dump.stat()
        found = inspect(dump, thorough=True)
    if found.manifest is None or found.problem is not None:
        raise BadBackup(found.problem)
    return found.manifest


def compare_rows(expected: Mapping[str, int], found: Mapping[str, int], dump: Path) -> None:
    """Refuse a dump that holds other rows than it should.

    Raises:
        BadBackup: it does.
    """
    for table, rows in expected.items():
        if found.get(table) != rows:
            raise BadBackup(f"{dump.name} has {found.get(table, 0)} rows of {table} where {rows} are due")
