"""`atb-db restore`: a backup becomes a database again."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from atb_db.admin.readable import counted
from atb_db.cli.archive import FOLDER as ARCHIVE
from atb_db.cli.archive import ArchiveOption
from atb_db.cli.backup import FOLDER, FolderOption
from atb_db.cli.durations import parse_moment
from atb_db.cli.exits import ExitCode
from atb_db.cli.going_back import bring_back, go_back, planned
from atb_db.cli.guarding import requested
from atb_db.cli.options import JsonOption, UrlOption, settings_for
from atb_db.cli.output import print_json, print_message
from atb_db.cli.progress import progress_bar

if TYPE_CHECKING:
    from atb_db.admin.backup.restore import Replacement, Restored
    from atb_db.config import Settings


def restore_command(
    *,
    file: Annotated[
        Path | None,
        typer.Argument(help="The .dump file; its manifest must lie beside it.", show_default=False),
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            "--at", parser=parse_moment, metavar="TIME", help="From the archive: as it was then, or so long ago: 10m."
        ),
    ] = None,
    before_request: Annotated[
        UUID | None,
        typer.Option(
            "--before-request", metavar="UUID", help="From the archive: just before what stored this request_id."
        ),
    ] = None,
    latest: Annotated[bool, typer.Option("--latest", help="From the archive: as it was last.")] = False,
    archive_dir: ArchiveOption = ARCHIVE,
    into: Annotated[
        Path | None,
        typer.Option("--into", metavar="DIR", help="Where the new server's files go; else a temporary one."),
    ] = None,
    session: Annotated[
        list[int] | None,
        typer.Option(
            "--session", metavar="ID", help="Only put this session back, as it was then; may be repeated.", min=1
        ),
    ] = None,
    dump: Annotated[
        bool, typer.Option("--dump", help="Back that database up into --backup-dir, and stop the new server.")
    ] = False,
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

    With --at, --before-request or --latest, from the archive of `atb-db archive`: a new server on this machine replays
    the log up to that moment, and the database in it is migrated, verified and audited. It runs until you stop it, so
    that you can look; or --dump makes an ordinary backup of it, for `restore FILE`; or --session puts a deleted session
    with all that it had back into the database, with the same ids, while everybody else trades on. Where rows of it
    have come again or changed since, nothing is done.

    Dropping, restoring, and comparing schema and row counts with the manifest are one transaction: a broken or
    unsuitable dump leaves the target unchanged. Grants are restored if their roles exist.

    \b
    Examples:
      atb-db restore FILE --target postgresql://localhost/new
      atb-db restore --at "2026-11-29 03:00:05+00"
      atb-db restore --latest --dump
      atb-db restore --at "2026-11-29 02:59:59+00" --session 7
      atb-db restore --before-request 0198c0de-0000-7000-8000-000000000001
      atb-db restore FILE --replace
      atb-db restore FILE --replace --confirm atb --env production

    \b
    Exit codes: 0 restored, 1 failed, 2 wrong usage or no such file, 3 restored,
    but verify found differences, 4 cannot connect, 5 refused: not empty, a guard,
    not a dump of atb-db, or the session cannot be put back, 6 a lock is held,
    7 there is no pg_restore that can read it, 130 interrupted.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.backup.restore import restore

    settings = settings_for(target or url, env)
    if (file is not None) + (at is not None) + (before_request is not None) + latest != 1:
        raise typer.BadParameter("give one of FILE, --at, --before-request and --latest")
    if file is None:
        found = planned(archive_dir, at=at, before_request=before_request)
        if not session:
            go_back(found, settings, into=into, backups=backup_dir if dump else None, as_json=as_json)
        elif dump or into is not None or replace:
            raise typer.BadParameter("--session puts rows back into the database: without --dump, --into, --replace")
        else:
            bring_back(found, settings, session, as_json=as_json)
        return
    if session:
        raise typer.BadParameter("--session is for the archive: give --at, --before-request or --latest")
    replacement = None
    if replace:
        replacement = _replacement(settings, confirm=confirm, env=env, folder=None if no_backup else backup_dir)
    with progress_bar() as progress:
        done = restore(settings, file, replacement=replacement, progress=progress)
    _print(done, as_json=as_json)
    if not done.verification.clean:
        raise typer.Exit(ExitCode.FOUND)


def _print(done: Restored, *, as_json: bool) -> None:
    for note in done.notes:
        print_message(note)
    clean = done.verification.clean
    if as_json:
        print_json({"clean": clean, **done._asdict()})
    else:
        if done.backed_up:
            print_message(f"What was there before: {done.backed_up}")
        seconds = sum(done.seconds.values())
        print_message(
            f"Restored {counted(done.manifest.total_rows, 'row')} of {counted(len(done.rows), 'table')}, as many as "
            f"the manifest says, into {done.server.database} in {seconds:.1f} s, "
            f"as of {done.manifest.started_at:%Y-%m-%d %H:%M:%S} UTC; "
            f"{counted(len(done.migrated), 'later migration')} applied."
        )
        print_message("The schema is as it should be." if clean else "atb-db verify lists what differs.")


def _replacement(settings: Settings, *, confirm: str | None, env: str | None, folder: Path | None) -> Replacement:
    from atb_db.admin.backup.restore import Replacement

    request = requested(settings, env=env, confirm=confirm, purpose="to drop everything in it")
    return Replacement(request, folder)
