"""Taking an export back: its rows are staged and checked, get ids of this database, and are written at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, LiteralString, NamedTuple, cast

import psycopg
from psycopg import RawCursor, sql

from atb_db.admin.connection import Connection, ask, perform, writing
from atb_db.admin.errors import BadExport
from atb_db.admin.exporting.files import read_rows
from atb_db.admin.exporting.manifest import ExportedFile, Manifest, check_files, read_manifest
from atb_db.admin.exporting.tables import EXPORTED, Column, ExportedTable, columns_of
from atb_db.admin.migrations import known_migrations
from atb_db.admin.progress import Progress, silent
from atb_db.config import Settings
from atb_db.errors import Conflict
from atb_db.repository import imports

_STEP: Final = 1_000_000
"""Rows that are added up by one statement."""
_TABLES: Final = {table.name: table for table in EXPORTED}


class TakenSession(NamedTuple):
    """A session of an export."""

    exported_id: int
    session_id: int
    """In this database."""
    known: bool
    """Whether it was there already, imported from such an export before."""


class TakenBack(NamedTuple):
    """What an import of an export did, or would do."""

    dry_run: bool
    sessions: tuple[TakenSession, ...]
    rows: Mapping[str, int]
    """New rows of each table."""


class _DryRun(Exception):  # noqa: N818
    """Ends the transaction of a dry run."""


class _Staged(NamedTuple):
    """What the import of one export works on."""

    connection: Connection
    manifest: Manifest
    columns: Mapping[str, Sequence[Column]]
    """Of each table, those that are in the export."""


def take_back(settings: Settings, folder: Path, *, dry_run: bool = False, progress: Progress = silent) -> TakenBack:
    """Import an export: all of it in one transaction, or nothing.

    Sessions that were imported before, and are in the export as they were then, are left alone.

    Raises:
        BadExport: the folder is no export, is damaged, or was written by a later version.
        Conflict: the database has one of the sessions, by its request_id, and not from such an export; or has imported
            it, and it has changed since.
    """
    manifest = read_manifest(folder)
    _check_version(manifest)
    check_files(folder, manifest)
    found: list[TakenBack] = []
    with _undone(dry_run=dry_run), writing(settings) as (connection, _):
        staged = _Staged(connection, manifest, _columns(connection, manifest))
        for done, file in enumerate(manifest.tables):
            progress(f"Reading {file.table}", done, len(manifest.tables))
            _stage(staged, folder, file)
        hashes = _hashes(staged)
        known = _known(connection, hashes)
        rows = {}
        for done, table in enumerate(EXPORTED):
            progress(f"Writing {table.name}", done, len(EXPORTED))
            rows[table.name] = _insert(staged, table, tuple(known))
        made = {one: _new_id(connection, one) for one in manifest.sessions if one not in known}
        _remember(staged, made, hashes)
        for session_id in made.values():
            _roll_up(connection, session_id)
        sessions = tuple(TakenSession(one, known.get(one) or made[one], one in known) for one in manifest.sessions)
        found.append(TakenBack(dry_run, sessions, rows))
        if dry_run:
            raise _DryRun
    return found[0]


@contextmanager
def _undone(*, dry_run: bool) -> Iterator[None]:
    try:
        yield
    except _DryRun:
        assert dry_run  # noqa: S101  nothing else raises it


def _check_version(manifest: Manifest) -> None:
    if manifest.schema is not None and manifest.schema not in known_migrations():
        raise BadExport(
            f"the export is of schema {manifest.schema}, which atb_db {manifest.atb_db} has and this version does not"
            " know"
        )
    if unknown := [one.table for one in manifest.tables if one.table not in _TABLES]:
        raise BadExport(f"the export has a table {unknown[0]}, which this version of atb_db does not know")
    if missing := [name for name in _TABLES if name not in {one.table for one in manifest.tables}]:
        raise BadExport(f"the export has no table {missing[0]}")


def _columns(connection: Connection, manifest: Manifest) -> dict[str, list[Column]]:
    ours = columns_of(connection)
    found = {}
    for file in manifest.tables:
        known = {column.name: column for column in ours.get(file.table, ())}
        if unknown := [name for name in file.columns if name not in known]:
            raise BadExport(
                f"{file.table} of this database has no column {unknown[0]}, which the export has: atb-db migrate"
            )
        found[file.table] = [known[name] for name in file.columns]
    return found


def _name(kind: str, table: str) -> sql.Identifier:
    return sql.Identifier("pg_temp", f"{kind}_{table}")


def _run(connection: Connection, text: LiteralString, *, values: Sequence[object] = (), **parts: sql.Composable) -> int:
    """Run a statement; the number of its rows."""
    return RawCursor(connection).execute(sql.SQL(text).format(**parts), values or None).rowcount


def _stage(staged: _Staged, folder: Path, file: ExportedFile) -> None:
    """The rows of a file in a table of the transaction's own."""
    connection, columns = staged.connection, staged.columns[file.table]
    names = [sql.Identifier(column.name) for column in columns]
    _run(
        connection,
        "CREATE TEMPORARY TABLE {staged} ON COMMIT DROP AS SELECT {columns} FROM {table} WITH NO DATA",
        staged=sql.Identifier(f"staged_{file.table}"),
        columns=sql.SQL(", ").join(names),
        table=sql.Identifier("public", file.table),
    )
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        _name("staged", file.table), sql.SQL(", ").join(names)
    )
    cursor = connection.cursor()
    try:
        with cursor.copy(statement) as copy:
            for block in read_rows(folder / file.file, staged.manifest.file_format, list(file.columns)):
                copy.write(block)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        raise BadExport(f"{file.file} has a row that cannot be stored: {error.diag.message_primary}") from None
    if cursor.rowcount != file.rows:
        raise BadExport(f"{file.file} has {cursor.rowcount} rows, and the manifest says {file.rows}")
    _run(connection, "ANALYZE {staged}", staged=_name("staged", file.table))


def _hashes(staged: _Staged) -> dict[int, int]:
    """What each session's rows are, whatever their order and the format of the files."""
    sums: dict[int, int] = {}
    for table in EXPORTED:
        shown = [
            sql.SQL("trim_scale(t.{}::numeric)" if column.type == "numeric" else "t.{}").format(
                sql.Identifier(column.name)
            )
            for column in staged.columns[table.name]
        ]
        statement = sql.SQL(
            "SELECT {session}, sum(hashtextextended(ROW({columns})::text, {seed})) FROM {staged} AS t {parent}"
            " GROUP BY 1"
        ).format(
            columns=sql.SQL(", ").join(shown),
            seed=sql.Literal(EXPORTED.index(table)),
            staged=_name("staged", table.name),
            **_session_of(table),
        )
        for session, found in RawCursor(staged.connection).execute(statement).fetchall():
            sums[cast("int", session)] = sums.get(cast("int", session), 0) + int(str(found))
    return {session: found % (1 << 63) for session, found in sums.items()}


def _session_of(table: ExportedTable) -> dict[str, sql.Composable]:
    """The exported session of a staged row `t`, and what is joined to know it."""
    if table.owner is None:
        return {"session": sql.SQL("t.id"), "parent": sql.SQL("")}
    column, parent = table.owner
    if parent == "trading_sessions":
        return {"session": sql.SQL("t.session_id"), "parent": sql.SQL("")}
    join = sql.SQL("JOIN {} AS p ON p.id = t.{}").format(_name("staged", parent), sql.Identifier(column))
    return {"session": sql.SQL("p.session_id"), "parent": join}


def _known(connection: Connection, hashes: Mapping[int, int]) -> dict[int, int]:
    """The sessions that are here already, by their ids in the export."""
    found: dict[int, int] = {}
    for exported, here, before in cast("list[tuple[int, int, int | None]]", ask(connection, "imported_exports")):
        if before is None:
            raise Conflict(f"session {exported} of the export is in this database already, as its session {here}")
        if before != hashes[exported]:
            raise Conflict(
                f"session {exported} of the export was imported as session {here}, and has changed since: purge that"
                " one first"
            )
        found[exported] = here
    return found


def _insert(staged: _Staged, table: ExportedTable, known: Sequence[int]) -> int:
    """Write what is new of a table, with ids of this database; how many rows that is."""
    connection = staged.connection
    if table.has_ids:
        new = (
            sql.SQL("NOT t.id = ANY($1)")
            if table.owner is None
            else sql.SQL("t.{} IN (SELECT m.old FROM {} AS m)").format(
                sql.Identifier(table.owner[0]), _name("mapped", table.owner[1])
            )
        )
        _run(
            connection,
            "CREATE TEMPORARY TABLE {mapped} (old bigint PRIMARY KEY, new bigint NOT NULL) ON COMMIT DROP",
            mapped=sql.Identifier(f"mapped_{table.name}"),
        )
        _run(
            connection,
            "INSERT INTO {mapped} (old, new) SELECT o.id, nextval(pg_get_serial_sequence({name}, 'id'))"
            " FROM (SELECT t.id FROM {staged} AS t WHERE {new} ORDER BY t.id) AS o",
            values=[list(known)] if table.owner is None else (),
            mapped=_name("mapped", table.name),
            name=sql.Literal(f"public.{table.name}"),
            staged=_name("staged", table.name),
            new=new,
        )
        _run(connection, "ANALYZE {mapped}", mapped=_name("mapped", table.name))
    return _insert_mapped(connection, table, [one for one in staged.columns[table.name] if not one.is_generated])


def _insert_mapped(connection: Connection, table: ExportedTable, columns: Sequence[Column]) -> int:
    references = table.references | ({"id": table.name} if table.has_ids else {})
    joins: list[sql.Composable] = []
    values: list[sql.Composable] = []
    for column in columns:
        name = sql.Identifier(column.name)
        parent = references.get(column.name)
        if parent is None:
            form = "trim_scale(t.{}::numeric)" if column.type == "numeric" else "t.{}"
            values.append(sql.SQL(form).format(name))
            continue
        alias = sql.Identifier(f"m_{column.name}")
        # A row of a session that is new, else a reference that may lead to none.
        is_own = column.name == "id" or (table.owner is not None and column.name == table.owner[0])
        joins.append(
            sql.SQL("{} JOIN {} AS {} ON {}.old = t.{}").format(
                sql.SQL("" if is_own else "LEFT"), _name("mapped", parent), alias, alias, name
            )
        )
        values.append(sql.SQL("{}.new").format(alias))
    return _run(
        connection,
        "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE"
        " SELECT {selected} FROM {staged} AS t {joins} ORDER BY {order}",
        table=sql.Identifier("public", table.name),
        columns=sql.SQL(", ").join(sql.Identifier(column.name) for column in columns),
        selected=sql.SQL(", ").join(values),
        staged=_name("staged", table.name),
        joins=sql.SQL(" ").join(joins),
        order=sql.SQL(", ").join(sql.SQL("t.{}").format(sql.Identifier(name)) for name in table.order),
    )


def _roll_up(connection: Connection, session_id: int) -> None:
    """What is kept by hours and days beside the rows, computed of those that were written."""
    connection.execute("SELECT discard_rollups(%s)", [session_id])
    while connection.execute("SELECT roll_up(%s, %s)", [session_id, _STEP]).fetchall() != [(0,)]:
        pass


def _new_id(connection: Connection, session: int) -> int:
    row = (
        RawCursor(connection)
        .execute("SELECT new FROM pg_temp.mapped_trading_sessions WHERE old = $1", [session])
        .fetchone()
    )
    assert row is not None  # noqa: S101  it is new
    return cast("int", row[0])


def _remember(staged: _Staged, made: Mapping[int, int], hashes: Mapping[int, int]) -> None:
    """Every new row with its id in the export, so that anybody finds it again."""
    manifest = staged.manifest
    if not made:
        return
    source = perform(
        staged.connection,
        imports.register_source(
            kind="export", name=manifest.database, fingerprint=manifest.source or "empty", timestamp=manifest.taken_at
        ),
    )
    for table in EXPORTED:
        if table.has_ids:
            _run(
                staged.connection,
                "INSERT INTO imported_rows (source_id, source_table, source_key, outcome, content_hash, session_id,"
                " target_table, target_id, imported_at)"
                " SELECT $1, {name}, m.old::text, 'RECORD', 0, s.new, {name}, m.new, now()"
                " FROM {staged} AS t {parent} JOIN {mapped} AS m ON m.old = t.id"
                " JOIN pg_temp.mapped_trading_sessions AS s ON s.old = {session}"
                " ON CONFLICT (source_id, source_table, source_key) DO UPDATE"
                " SET session_id = excluded.session_id, target_id = excluded.target_id, imported_at = now()",
                values=[source],
                name=sql.Literal(table.name),
                staged=_name("staged", table.name),
                mapped=_name("mapped", table.name),
                **_session_of(table),
            )
    for exported in made:
        _run(
            staged.connection,
            "UPDATE imported_rows SET content_hash = $3"
            " WHERE source_id = $1 AND source_table = 'trading_sessions' AND source_key = $2",
            values=[source, str(exported), hashes[exported]],
        )
