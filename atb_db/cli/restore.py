"""`atb-db restore`: a backup becomes a database again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atb_db.admin.readable import counted
from atb_db.cli.backup import FOLDER, FolderOption
from atb_db.cli.exits import ExitCode
from atb_db.cli.guarding import requested
from atb_db.cli.options import JsonOption, UrlOption, settings_for
from atb_db.cli.output import print_json, print_message, print_table
from atb_db.cli.progress import progress_bar

if TYPE_CHECKING:
    from atb_db.admin.backup.restore import Replacement
    from atb_db.config import Settings


def restore_command(
    *,
    file: Annotated[Path, typer.Argument(help="The .dump file; its manifest must lie beside it.")],
    target: Annotated[
        str | None, typer.Option("--target", metavar="URL", help="The database to restore into; the same as --url.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Drop the target's contents first.")] = False,
    confirm: Annotated[
        str | None,
        typer.Option("--confirm", metavar="NAME", help="The target's name, for --replace without a terminal."),
    ] = None,
    no_backup: Annotated[
        bool, typer.Option("--no-backup", help="Do not back up the target before it is replaced.")
    ] = False,
    env: Annotated[
        str | None, typer.Option("--env", metavar="ENV", help="What the target is used for; a guard wants to know.")
    ] = None,
    backup_dir: FolderOption = FOLDER,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Restore a backup into an empty database, or with --replace into any; then migrate and verify it.

    Dropping, restoring, and comparing schema and row counts with the manifest are one transaction: a broken or
    unsuitable dump leaves the target unchanged. Grants are restored if their roles exist.

    \b
    Examples:
      atb-db restore backups/atb/2026/11/24/backup-20261124T171530.123Z.dump --target postgresql://localhost/new
      atb-db restore FILE --replace
      atb-db restore FILE --replace --confirm atb --env production

    \b
    Exit codes: 0 restored, 1 failed, 2 wrong usage or no such file,
    3 restored, but verify found differences, 4 cannot connect,
    5 refused: not empty, a guard, or not a dump of atb-db, 6 a lock is held,
    7 there is no pg_restore that can read it, 130 interrupted.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.backup.restore import restore

    settings = settings_for(target or url, env)
    replacement = None
    if replace:
        replacement = _replacement(settings, confirm=confirm, env=env, folder=None if no_backup else backup_dir)
    with progress_bar() as progress:
        done = restore(settings, file, replacement=replacement, progress=progress)
    for note in done.notes:
        print_message(note)
    clean = done.verification.clean
    if as_json:
        print_json({"clean": clean, **done._asdict()})
    else:
        expected = done.manifest.rows
        print_table(("Table", "Rows", "Manifest"), [(name, rows, expected[name]) for name, rows in done.rows.items()])
        if done.backed_up:
            print_message(f"What was there before: {done.backed_up}")
        seconds = sum(done.seconds.values())
        print_message(
            f"Restored {counted(done.manifest.total_rows, 'row')} into {done.server.database} in {seconds:.1f} s, "
            f"as of {done.manifest.started_at:%Y-%m-%d %H:%M:%S} UTC; "
            f"{counted(len(done.migrated), 'later migration')} applied."
        )
        print_message("The schema is as it should be." if clean else "atb-db verify lists what differs.")
    if not clean:
        raise typer.Exit(ExitCode.FOUND)


def _replacement(settings: Settings, *, confirm: str | None, env: str | None, folder: Path | None) -> Replacement:
    from atb_db.admin.backup.restore import Replacement

    request = requested(settings, env=env, confirm=confirm, purpose="to drop everything in it")
    return Replacement(request, folder)
