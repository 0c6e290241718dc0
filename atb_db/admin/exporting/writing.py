"""Writing an export: one snapshot of the database, a file for each table, a folder that is there when it is whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple, cast

from psycopg import RawCursor, sql

from atb_db.admin.backup.folder import sync
from atb_db.admin.backup.manifest import checksum
from atb_db.admin.connection import Connection, Reading, ask, reading
from atb_db.admin.errors import Unusable
from atb_db.admin.exporting.files import Digits, write_rows
from atb_db.admin.exporting.manifest import FORMAT, NAME, ExportedFile, FileFormat, Manifest, to_json
from atb_db.admin.exporting.tables import EXPORTED, Column, ExportedTable, chosen_rows, columns_of, read_from
from atb_db.admin.migrations import read_status
from atb_db.admin.progress import Progress, silent
from atb_db.config import Settings
from atb_db.errors import NotFound


class ExportChoice(NamedTuple):
    """Which sessions: one, those that were active since a moment, or all of them."""

    session_id: int | None = None
    since: datetime | None = None


def export(
    settings: Settings,
    choice: ExportChoice,
    folder: Path,
    *,
    file_format: FileFormat = FileFormat.PARQUET,
    progress: Progress = silent,
) -> Manifest:
    """Write everything of the chosen sessions into a folder of their own; what is in it.

    Until all of it is written it is a hidden folder beside that one.

    Raises:
        NotFound: there is no such session, or none since then.
        Unusable: the folder is there already and not empty, or cannot be written.
        ToolMissing: the extra `arrow` is not installed, and Parquet was asked for.
    """
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise Unusable(f"{folder} is there already: name a folder that is not, or is empty")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with reading(settings._replace(statement_timeout=0)) as opened:
            part.mkdir(mode=0o700)
            manifest = _write(opened, choice, part, file_format, progress)
        for path in (*part.iterdir(), part):
            sync(path)
        part.replace(folder)
        sync(folder.parent)
    except OSError as error:
        raise Unusable(f"{folder} cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return manifest


class _Snapshot(NamedTuple):
    """What is exported, and where to."""

    connection: Connection
    sessions: Sequence[int]
    folder: Path
    file_format: FileFormat


def _write(
    opened: Reading, choice: ExportChoice, folder: Path, file_format: FileFormat, progress: Progress
) -> Manifest:
    connection = opened.connection
    sessions = [cast("int", row[0]) for row in ask(connection, "exported_sessions", values=list(choice))]
    if not sessions:
        one = choice.session_id
        raise NotFound("there is no session to export" if one is None else f"session {one} does not exist")
    [(database, source, taken_at)] = ask(connection, "exported_from")
    columns = columns_of(connection)
    snapshot = _Snapshot(connection, sessions, folder, file_format)
    files = []
    for done, table in enumerate(EXPORTED):
        progress(f"Exporting {table.name}", done, len(EXPORTED))
        files.append(_write_table(snapshot, table, columns[table.name]))
    manifest = Manifest(
        FORMAT,
        version("atb-db"),
        next((one.id for one in read_status(*opened).applied[::-1]), None),
        cast("str", database),
        cast("str | None", source),
        cast("datetime", taken_at).astimezone(UTC),
        tuple(sessions),
        file_format,
        tuple(files),
    )
    (folder / NAME).write_text(to_json(manifest), encoding="utf-8")
    return manifest


def _write_table(snapshot: _Snapshot, table: ExportedTable, columns: Sequence[Column]) -> ExportedFile:
    connection, sessions, folder, file_format = snapshot
    path = folder / f"{table.name}.{file_format}"
    exact = [column.name for column in columns if column.type == "numeric"]
    digits = _digits(connection, table, exact, sessions) if file_format is FileFormat.PARQUET else {}
    selected = sql.SQL("SELECT {} FROM {} AS t WHERE {} ORDER BY {}").format(
        sql.SQL(", ").join(_selected(column) for column in columns),
        read_from(table),
        chosen_rows(table),
        sql.SQL(", ").join(sql.SQL("t.{}").format(sql.Identifier(name)) for name in table.order),
    )
    # COPY takes no values: the ids are whole numbers.
    chosen = f"ARRAY[{','.join(str(int(one)) for one in sessions)}]::bigint[]"
    text = f"COPY ({selected.as_string(connection).replace('$1', chosen)}) TO STDOUT (FORMAT csv)"
    types = {column.name: column.type for column in columns}
    cursor = connection.cursor()
    with cursor.copy(text.encode()) as copy:
        write_rows(path, file_format, types, digits, (bytes(row) for row in copy))
    return ExportedFile(table.name, path.name, cursor.rowcount, checksum(path), types)


def _selected(column: Column) -> sql.Composable:
    name = sql.Identifier(column.name)
    if column.type == "numeric":
        return sql.SQL("trim_scale(t.{0}::numeric) AS {0}").format(name)
    return sql.SQL("t.{}").format(name)


def _digits(
    connection: Connection, table: ExportedTable, names: Sequence[str], sessions: Sequence[int]
) -> dict[str, Digits]:
    if not names:
        return {}
    measured = [
        sql.SQL(
            "coalesce(length(trunc(max(abs(t.{0}::numeric)))::text), 1),"
            " coalesce(max(scale(trim_scale(t.{0}::numeric))), 0)"
        ).format(sql.Identifier(name))
        for name in names
    ]
    statement = sql.SQL("SELECT {} FROM {} AS t WHERE {}").format(
        sql.SQL(", ").join(measured), read_from(table), chosen_rows(table)
    )
    row = RawCursor(connection).execute(statement, [list(sessions)]).fetchone()
    assert row is not None  # noqa: S101  an aggregate
    figures = cast("tuple[int, ...]", row)
    return {name: Digits(figures[2 * place], figures[2 * place + 1]) for place, name in enumerate(names)}
