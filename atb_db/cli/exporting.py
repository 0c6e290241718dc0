"""`atb-db export`: everything of sessions as files, which others read and `atb-db import export` takes back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atb_db.admin.readable import counted
from atb_db.cli.choosing import SessionOption, SinceOption
from atb_db.cli.options import EnvironmentOption, JsonOption, UrlOption, settings_for
from atb_db.cli.output import print_json, print_message, print_table
from atb_db.cli.progress import progress_bar

if TYPE_CHECKING:
    from atb_db.admin.exporting.loading import TakenBack


def export_command(
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder; it must not be there, or be empty.")],
    session: SessionOption = None,
    since: SinceOption = None,
    file_format: Annotated[
        str, typer.Option("--format", metavar="NAME", help="parquet (needs the extra `arrow`) or csv.")
    ] = "parquet",
    url: UrlOption = None,
    env: EnvironmentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write everything of sessions into files: one for each table, and a manifest with counts and checksums.

    All of it shows one moment, and the folder is there when it is whole. Without --session or --since it has every
    session but those of verification. DuckDB, polars and spreadsheets read the files; `atb-db import export DIR`
    takes them into another database.

    \b
    Examples:
      atb-db export --session 7 --out session-7
      atb-db export --since 2025-11-01 --format csv --out november

    \b
    Exit codes: 0 written, 1 no such session, 2 wrong usage or a folder with
    something in it, 4 cannot connect, 7 the extra is not installed.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.exporting.manifest import FileFormat
    from atb_db.admin.exporting.writing import ExportChoice, export
    from atb_db.admin.progress import silent

    if session is not None and since is not None:
        raise typer.BadParameter("give --session or --since, not both", param_hint="--since")
    try:
        chosen = FileFormat(file_format.lower())
    except ValueError:
        raise typer.BadParameter(f"{file_format[:40]!r} is neither parquet nor csv", param_hint="--format") from None
    with progress_bar() as progress:
        manifest = export(
            settings_for(url, env),
            ExportChoice(session, since),
            out,
            file_format=chosen,
            progress=progress or silent,
        )
    if as_json:
        print_json(manifest)
        return
    print_table(("Table", "Rows", "File"), [(one.table, one.rows, one.file) for one in manifest.tables])
    print_message(f"{counted(len(manifest.sessions), 'session')}, {counted(manifest.rows, 'row')} in {out}")


def import_export_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `atb-db export` wrote.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report all of it, and keep nothing.")] = False,
    url: UrlOption = None,
    env: EnvironmentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import what `atb-db export` wrote: every row as it was, under ids of this database, all of it or nothing.

    Needs the owner of the tables. What was imported before is left alone; `imports.find_imported` finds a row by
    the id that it had.

    \b
    Examples:
      atb-db import export session-7 --dry-run
      atb-db import export session-7

    \b
    Exit codes: 0 imported, 1 a session is there already, or has changed since,
    2 wrong usage or no whole export, 4 cannot connect, 5 the login may only read.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.exporting.loading import take_back
    from atb_db.admin.progress import silent

    with progress_bar() as progress:
        done = take_back(settings_for(url, env), folder, dry_run=dry_run, progress=progress or silent)
    if as_json:
        print_json(done)
    else:
        _print(done)


def _print(done: TakenBack) -> None:
    print_table(
        ("Session in the export", "Session here", ""),
        [(one.exported_id, one.session_id, "imported before" if one.known else "") for one in done.sessions],
    )
    print_message(f"{counted(sum(done.rows.values()), 'row')} imported")
    if done.dry_run:
        print_message("A dry run: nothing was kept.")
