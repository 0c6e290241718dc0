"""Restoring a backup: all of it in one transaction, or nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

import psycopg
from psycopg import sql

from atb_db.admin.access.roles import Members, groups_used, set_roles
from atb_db.admin.backup.archive import SECTIONS, Contents, Rows, contents, grants, pieces
from atb_db.admin.backup.checking import check_file, compare_rows
from atb_db.admin.backup.dump import backup
from atb_db.admin.backup.events import record
from atb_db.admin.backup.manifest import OWN_SCHEMAS, Manifest, count_rows, fingerprint
from atb_db.admin.backup.stopwatch import Stopwatch
from atb_db.admin.connection import CATALOG_SETTINGS, Connection, ask, changing, reading, writing
from atb_db.admin.destroy.deployment import mark_environment, remark
from atb_db.admin.destroy.guards import Request, guard, read_target
from atb_db.admin.destroy.objects import droppable_objects
from atb_db.admin.errors import BadBackup, Refused
from atb_db.admin.migrations import known_migrations, migrate
from atb_db.admin.programs import Tool, tool_for
from atb_db.admin.progress import Progress
from atb_db.admin.quoting import quoted
from atb_db.admin.readable import counted
from atb_db.admin.schema.catalog import read_catalog
from atb_db.admin.schema.verify import Verification, verify
from atb_db.config import Settings
from atb_db.database.connecting import ServerInfo
from atb_db.embedded.binaries import major_of
from atb_db.types import Environment, EventType

# Of PostgreSQL 17's pg_restore; an older server does not know it.
_UNKNOWN_SETTING: Final = re.compile(rb"^SET transaction_timeout = 0;\n", re.MULTILINE)
_KNOWS_SETTING: Final = 170000


class Replacement(NamedTuple):
    """The target's contents may be replaced."""

    request: Request
    """The answers to the guard."""
    backup_folder: Path | None
    """Where to back the target up first; None: not at all."""


class Restored(NamedTuple):
    """What `restore` did."""

    server: ServerInfo
    manifest: Manifest
    rows: dict[str, int]
    """Of every table as it was restored, before later migrations; they are the manifest's."""
    migrated: tuple[str, ...]
    """Migrations that the backup did not have."""
    verification: Verification
    backed_up: Path | None
    """The backup of the replaced contents."""
    seconds: dict[str, float]
    """What each step took."""
    notes: tuple[str, ...]
    """What somebody should know, one sentence each."""


class _Present(NamedTuple):
    """That something is in the target."""

    environment: Environment | None


def restore(
    settings: Settings, dump: Path, *, replacement: Replacement | None = None, progress: Progress | None = None
) -> Restored:
    """Restore a backup into a database that is empty, or into any with `replacement`; then migrate and verify it.

    Dropping the contents, restoring, and comparing rows and schema with the manifest are one transaction: whatever
    goes wrong there leaves the target as it was. Objects belong to the role that restores. Grants are restored if their
    roles exist, extensions if the role may make them. Only the schemas that the dump has count, and are replaced: what
    a provider has in others stays.

    Raises:
        BadBackup: the dump is not what was written.
        Refused: the target is not empty, or the guard refuses, or the dump is not atb-db's or of a newer version.
        ToolMissing: there is no pg_restore that can read the dump.
        Unusable: there is no such file.
        Unavailable: the server cannot be reached.
    """
    watch = Stopwatch()
    manifest = check_file(dump)
    _refuse_foreign(manifest, dump)
    tool = tool_for("pg_restore", major_of(manifest.client_version))
    found = contents(dump, tool)
    schemas = sorted({*OWN_SCHEMAS, *found.schemas})
    watch.lap("check")
    with reading(settings) as (connection, server):
        if major_of(server.version) < major_of(manifest.server_version):
            raise Refused(
                f"{dump.name} is of PostgreSQL {manifest.server_version}, which {server.version} cannot restore"
            )
        present = _guard(connection, replacement, schemas)
    before = None
    if present and replacement is not None and replacement.backup_folder is not None:
        more = not set(schemas) <= set(OWN_SCHEMAS)
        before = backup(settings, folder=replacement.backup_folder, everything=more, progress=progress).path
        watch.lap("backup")
    with writing(settings) as (connection, server):
        for obsolete in droppable_objects(connection, schemas):
            if replacement is None:
                raise Refused(f"{obsolete.kind} {obsolete.name} has just been made in {server.database}")
            connection.execute(obsolete.statement.encode())
        notes = _prepare(connection, dump, tool, found, manifest)
        _restore_rows(connection, dump, tool, found, total=manifest.total_rows, progress=progress)
        notes += _grant(connection, dump, tool)
        connection.execute(CATALOG_SETTINGS)
        rows = count_rows(connection, schemas)
        compare_rows(manifest.rows, rows, dump)
        if fingerprint(read_catalog(connection)) != manifest.schema_fingerprint:
            raise BadBackup(f"{dump.name} holds another schema than its manifest says")
        if present:
            # What the database is used for is not a matter of whose rows are in it.
            remark(connection, present.environment)
        groups = groups_used(connection)
    watch.lap("load")
    migrated = migrate(settings).applied
    if present and present.environment is not None:
        # Also where only a migration has made the table.
        mark_environment(settings, present.environment, replace=True)
    if groups:
        # A dump has neither the database's own grants nor, restored by another role, the owner of what is in it.
        undone = set_roles(settings, Members()).undone
        notes += tuple(f"Not set up: {change.sql}: {reason}." for change, reason in undone)
    watch.lap("migrate")
    # The planner knows nothing of the new tables, and autovacuum takes its time.
    with changing(settings) as (connection, _):
        connection.execute(_analyze(rows))
        ask(connection, "forget_collation")
    watch.lap("analyze")
    verification = verify(settings)
    watch.lap("verify")
    noted = record(
        settings,
        EventType.RESTORE,
        f"Restored {counted(manifest.total_rows, 'row')} from {dump.name}.",
        {"file": str(dump), "started_at": manifest.started_at, "migrated": migrated, "seconds": watch.seconds},
    )
    return Restored(server, manifest, rows, migrated, verification, before, watch.seconds, (*notes, *noted))


def _refuse_foreign(manifest: Manifest, dump: Path) -> None:
    if manifest.migration is None or "public.trading_sessions" not in manifest.rows:
        raise Refused(f"{dump.name} is of another schema: it has no record of atb-db's migrations")
    if manifest.migration not in known_migrations():
        raise Refused(
            f"{dump.name} has the migration {manifest.migration}, which this version of atb-db does not know: "
            f"version {manifest.atb_db_version} made it"
        )


def _guard(connection: Connection, replacement: Replacement | None, schemas: Sequence[str]) -> _Present | None:
    """The contents of the target's schemas, which may be replaced; None if there are none."""
    objects = droppable_objects(connection, schemas)
    if not objects:
        return None
    target = read_target(connection)
    if replacement is None:
        raise Refused(
            f"the database {target.database} is not empty: it has {len(objects)} objects and about {target.usage.rows} "
            "rows; --replace restores over them"
        )
    guard(target, replacement.request)
    return _Present(target.environment)


def _prepare(connection: Connection, dump: Path, tool: Tool, found: Contents, manifest: Manifest) -> tuple[str, ...]:
    """Make the dump's schemas, and the extensions that the target lacks and lets the role make; what could not be."""
    if found.schemas:
        _execute(connection, _sql(dump, tool, found.schemas.values()))
    notes: list[str] = []
    present = {str(name) for (name,) in connection.execute("SELECT extname FROM pg_extension")}
    wanted = {name: _sql(dump, tool, [line]) for name, line in found.extensions.items()}
    wanted |= {name: _extension(connection, name, schema) for name, schema in manifest.extensions.items()}
    for name, statement in wanted.items():
        if name in present:
            continue
        try:
            with connection.transaction():
                _execute(connection, statement)
        except psycopg.Error as error:
            notes.append(f"Extension {name} is left out: {error.diag.message_primary}.")
    return tuple(notes)


def _extension(connection: Connection, name: str, schema: str) -> bytes:
    create = sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(name))
    if connection.execute("SELECT to_regnamespace(%s) IS NOT NULL", [quoted(schema)]).fetchall() == [(True,)]:
        create += sql.SQL(" WITH SCHEMA {}").format(sql.Identifier(schema))
    return create.as_bytes(connection)


def _sql(dump: Path, tool: Tool, entries: Iterable[bytes]) -> bytes:
    """What these lines of the dump's list make, before any rows."""
    with closing(pieces(dump, tool, SECTIONS[0], entries=entries)) as found:
        return b"".join(piece for piece in found if not isinstance(piece, Rows))


def _analyze(tables: Iterable[str]) -> sql.Composed:
    names = [sql.SQL(name) for name in tables]  # pyright: ignore[reportArgumentType]  # quoted by the server
    return sql.SQL("ANALYZE {}").format(sql.SQL(", ").join(names))


def _restore_rows(
    connection: Connection, dump: Path, tool: Tool, listed: Contents, *, total: int, progress: Progress | None
) -> None:
    done = 0
    for section in SECTIONS:
        with closing(pieces(dump, tool, section, entries=listed.rest)) as found:
            for piece in found:
                if not isinstance(piece, Rows):
                    if progress is not None and done:
                        progress("Building indexes and constraints", 0, None)
                    _execute(connection, piece)
                    continue
                with connection.cursor().copy(piece.statement) as copy:
                    for batch in piece.batches:
                        copy.write(b"".join(batch))
                        done += len(batch)
                        if progress is not None:
                            progress("Restoring", done, total)


def _grant(connection: Connection, dump: Path, tool: Tool) -> tuple[str, ...]:
    try:
        with connection.transaction():
            _execute(connection, grants(dump, tool))
    except (psycopg.errors.UndefinedObject, psycopg.errors.InsufficientPrivilege) as error:
        return (f"No grants were restored, as {error.diag.message_primary}.",)
    return ()


def _execute(connection: Connection, statements: bytes) -> None:
    if connection.info.server_version < _KNOWS_SETTING:
        statements = _UNKNOWN_SETTING.sub(b"", statements)
    connection.execute(statements)
