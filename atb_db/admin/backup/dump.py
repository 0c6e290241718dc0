"""Making a backup: it exists once it has been read through and is on the disk, not before."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from subprocess import TimeoutExpired
from time import perf_counter
from typing import Final, NamedTuple, cast

from atb_db.admin.backup.archive import read_through
from atb_db.admin.backup.checking import compare_rows
from atb_db.admin.backup.events import record
from atb_db.admin.backup.folder import list_backups, locked, make_private, remove, sync, usable
from atb_db.admin.backup.manifest import FORMAT, OWN_SCHEMAS, Manifest, checksum, count_rows, fingerprint, to_json
from atb_db.admin.backup.names import copies, database_folder, dump_file, leftovers, manifest_file, part_file
from atb_db.admin.backup.offsite import OffSite, check_off_site, send_off
from atb_db.admin.backup.retention import Retention, expired
from atb_db.admin.connection import Connection, ask, reading
from atb_db.admin.destroy.deployment import read_environment
from atb_db.admin.migrations import read_status
from atb_db.admin.privacy import backup_notes
from atb_db.admin.programs import Invocation, connection_environment, running, tool_for
from atb_db.admin.progress import Progress
from atb_db.admin.readable import counted
from atb_db.admin.schema.catalog import read_catalog
from atb_db.config import Settings
from atb_db.database.connecting import ServerInfo
from atb_db.embedded.binaries import major_of
from atb_db.errors import AtbDbError
from atb_db.types import EventType

_LOCK_WAIT_SECONDS: Final = 60
_POLL_SECONDS: Final = 0.2
_NAMED: Final = 6


class Backup(NamedTuple):
    """What `backup` made."""

    path: Path
    manifest: Manifest
    removed: tuple[Path, ...]
    """Older ones that are no longer kept."""
    notes: tuple[str, ...]
    """What somebody should know, one sentence each."""
    unsent: str | None = None
    """Why it is not elsewhere, where it should be."""


class _LeftOut(NamedTuple):
    """Something in the database that is not in the dump."""

    kind: str
    name: str
    number: int
    """Of a schema's tables, or of large objects."""

    def __str__(self) -> str:
        if self.kind == "schema":
            return f"schema {self.name} ({counted(self.number, 'table')})"
        return counted(self.number, "large object") if self.kind == "large objects" else f"{self.kind} {self.name}"


def backup(
    settings: Settings,
    *,
    folder: Path,
    retention: Retention | None = None,
    everything: bool = False,
    elsewhere: OffSite | None = None,
    progress: Progress | None = None,
) -> Backup:
    """Dump the schemas public and reporting into `folder`, and remove older backups that `retention` does not keep.

    What else is in the database is a provider's, or another program's: a note says what, and with `everything` it is
    dumped, too.

    With `elsewhere` the manifest and then the dump are handed on; as long as that fails, no older backup is removed.

    The dump and the row counts of its manifest show one moment. Killed at any time, or out of space, it leaves no
    `.dump` and no older backup is touched; what it leaves is removed by the next one.

    Raises:
        BadBackup: the dump cannot be read back, or holds other rows than the database.
        LockHeld: another backup of this database into this folder is under way.
        ToolMissing: there is no pg_dump and pg_restore that is as new as the server, or not what `elsewhere` needs.
        Unusable: the folder cannot be written.
        Unavailable: the server cannot be reached.
    """
    # A dump takes as long as it takes.
    settings = settings._replace(statement_timeout=0, idle_timeout=0)
    if elsewhere is not None:
        check_off_site(elsewhere)
    with reading(settings) as (connection, server):
        home = database_folder(folder, server.database)
        with locked(home), usable(home):
            for path in leftovers(home):
                path.unlink()
            for left in copies(home):
                shutil.rmtree(left)
            left_out = [] if everything else ask(connection, "not_dumped", _LeftOut, values=[list(OWN_SCHEMAS)])
            path, manifest = _make(connection, server, settings, home=home, everything=everything, progress=progress)
            unsent = None if elsewhere is None else _send(path, elsewhere)
            removed = _retain(home, retention) if retention and unsent is None else ()
    noted = record(
        settings,
        EventType.BACKUP,
        f"Backup of {server.database}: {counted(manifest.total_rows, 'row')}, {counted(manifest.bytes, 'byte')}.",
        {
            "file": str(path),
            **manifest._asdict(),
            "started_at": manifest.started_at,
            "extensions": dict(manifest.extensions),
            "removed": len(removed),
            **({} if elsewhere is None else {"elsewhere": unsent is None}),
        },
    )
    notes = (*_left_out_notes(left_out), *noted, *backup_notes(home), *volume_notes(folder, os.environ))
    return Backup(path, manifest, removed, notes, unsent)


def _send(dump: Path, elsewhere: OffSite) -> str | None:
    """Hand a backup on; why that failed. The dump comes last: where it is, everything is."""
    try:
        for file in (manifest_file(dump), dump):
            send_off(file, elsewhere)
    except AtbDbError as error:
        return error.message
    return None


def _left_out_notes(left_out: Sequence[_LeftOut]) -> tuple[str, ...]:
    if not left_out:
        return ()
    more = f" and {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else ""
    return (f"Not in the backup: {', '.join(map(str, left_out[:_NAMED]))}{more}; --everything takes all.",)


def volume_notes(folder: Path, environ: Mapping[str, str]) -> tuple[str, ...]:
    """A warning when the backups are on a disk that Railway throws away with the deployment."""
    if not any(environ.get(name) for name in ("RAILWAY_ENVIRONMENT", "RAILWAY_ENVIRONMENT_ID", "RAILWAY_PROJECT_ID")):
        return ()
    volume = environ.get("RAILWAY_VOLUME_MOUNT_PATH")
    if volume and folder.resolve().is_relative_to(Path(volume).resolve()):
        return ()
    where = f"outside of the volume {volume}" if volume else "without a volume"
    return (f"On Railway {where}, this backup is lost with the next deployment: copy it elsewhere or add a volume.",)


def _make(
    connection: Connection,
    server: ServerInfo,
    settings: Settings,
    *,
    home: Path,
    everything: bool,
    progress: Progress | None,
) -> tuple[Path, Manifest]:
    schemas = None if everything else OWN_SCHEMAS
    major = major_of(server.version)
    pg_dump = tool_for("pg_dump", major)
    pg_restore = tool_for("pg_restore", pg_dump.major)
    start = perf_counter()
    now = datetime.now(UTC)
    started_at = now.replace(microsecond=now.microsecond // 1000 * 1000)
    (snapshot,) = cast("tuple[str]", connection.execute("SELECT pg_export_snapshot()").fetchone())
    dump = dump_file(home, started_at)
    with _parts(dump) as (part, manifest_part):
        environment, rest = connection_environment(settings)
        arguments = [
            *("--format=custom", f"--file={part}", f"--snapshot={snapshot}", "--no-password", "--no-sync"),
            *(f"--schema={schema}" for schema in schemas or ()),
            *(f"--lock-wait-timeout={_LOCK_WAIT_SECONDS * 1000}", *([f"--dbname={rest}"] if rest else [])),
        ]
        with running(Invocation(pg_dump.path, (str(pg_dump.path), *arguments), environment)) as child:
            rows = count_rows(connection, schemas)
            while progress is not None and child.poll() is None:
                progress("Dumping", part.stat().st_size, None)
                with suppress(TimeoutExpired):
                    child.wait(_POLL_SECONDS)
        sync(part)
        found = read_through(part, pg_restore, progress=progress, total=sum(rows.values()))
        compare_rows(rows, found, dump)
        manifest = Manifest(
            format=FORMAT,
            database=server.database,
            environment=str(marker) if (marker := read_environment(connection)) else None,
            started_at=started_at,
            seconds=round(perf_counter() - start, 3),
            bytes=part.stat().st_size,
            sha256=checksum(part),
            server_version=server.version,
            client_version=pg_dump.version,
            atb_db_version=version("atb-db"),
            migration=next((one.id for one in read_status(connection, server).applied[::-1]), None),
            schema_fingerprint=fingerprint(read_catalog(connection)),
            rows=rows,
            everything=everything,
            extensions=_needed_extensions(connection, schemas),
        )
        manifest_part.write_text(to_json(manifest), encoding="utf-8")
        sync(manifest_part)
        # The dump comes last: where it is, everything is.
        manifest_part.rename(manifest_file(dump))
        sync(dump.parent)
        part.rename(dump)
        for changed in (dump.parent, *dump.parent.parents[:3]):
            sync(changed)
    return dump, manifest


def _needed_extensions(connection: Connection, schemas: Sequence[str] | None) -> dict[str, str]:
    """Extensions that the schemas depend on: those of a whole database are in its dump."""
    if schemas is None:
        return {}
    return {str(name): str(schema) for name, schema in ask(connection, "needed_extensions", values=[list(schemas)])}


@contextmanager
def _parts(dump: Path) -> Iterator[tuple[Path, Path]]:
    """The unfinished dump and manifest, readable by their owner alone; what is left of them is removed."""
    make_private(dump.parent)
    parts = part_file(dump), part_file(manifest_file(dump))
    try:
        for part in parts:
            part.touch(mode=0o600, exist_ok=False)
        yield parts
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def _retain(home: Path, retention: Retention) -> tuple[Path, ...]:
    good = {listed.time: listed.path for listed in list_backups(home) if listed.problem is None}
    gone = [good[time] for time in expired(good, retention, now=datetime.now(UTC))]
    for dump in gone:
        remove(dump, home)
    return tuple(gone)
