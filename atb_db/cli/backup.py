"""`atb-db backup`: making, listing and checking backups."""

from __future__ import annotations

import shlex
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from atb_db.admin.readable import counted, shown_duration, shown_size
from atb_db.cli.archive import FOLDER as ARCHIVE
from atb_db.cli.archive import ArchiveOption
from atb_db.cli.durations import Duration, parse_duration
from atb_db.cli.elsewhere import EncryptOption, elsewhere_of
from atb_db.cli.exits import ExitCode
from atb_db.cli.grouping import WholeSentences
from atb_db.cli.options import (
    DailyOption,
    EnvironmentOption,
    JsonOption,
    MonthlyOption,
    RetentionOption,
    UrlOption,
    WeeklyOption,
    environment_of,
    settings_for,
)
from atb_db.cli.output import print_json, print_message, print_table
from atb_db.cli.progress import progress_bar

if TYPE_CHECKING:
    from atb_db.admin.backup.dump import Backup
    from atb_db.admin.backup.folder import Listed
    from atb_db.config import Settings

FOLDER: Final = Path("backups")
RPO: Final = Duration(minutes=15)


def _folder(text: str) -> Path:
    if not text:
        raise typer.BadParameter("it is empty")  # a variable that is not set; "." is the current folder
    return Path(text)


FolderOption: TypeAlias = Annotated[
    Path,
    typer.Option("--backup-dir", parser=_folder, metavar="DIR", envvar="BACKUP_DIR", help="Where the backups lie."),
]

backup_app = typer.Typer(cls=WholeSentences, rich_markup_mode=None, invoke_without_command=True)


@backup_app.callback()
def backup_command(
    context: typer.Context,
    *,
    env: EnvironmentOption = None,
    backup_dir: FolderOption = FOLDER,
    retention: RetentionOption = 7,
    keep_daily: DailyOption = 0,
    keep_weekly: WeeklyOption = 0,
    keep_monthly: MonthlyOption = 0,
    everything: Annotated[
        bool, typer.Option("--everything", help="Also other schemas, extensions and large objects: a provider's.")
    ] = False,
    then: Annotated[
        str | None,
        typer.Option(
            "--then",
            metavar="CMD",
            help="Run this for the manifest and the dump, to take them elsewhere; {} is the path, else it comes last.",
        ),
    ] = None,
    encrypt_to: EncryptOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Back up the database, and check the backup.

    Takes the schemas public and reporting, which is all that atb-db has and what restores on a server where nobody is
    superuser; a note says what else is in the database. Any role that may read their tables will do. With --env, a
    database that is marked as something else is refused.

    Makes DIR/<database>/<YYYY>/<MM>/<DD>/backup-<time>.dump in pg_dump's custom format, and its manifest. The dump
    gets this name only after it was read completely, its row counts were compared with the database's, and it was
    synced to disk. Then backups of this database that no retention rule keeps are removed, but never the newest
    one.

    \b
    Examples:
      atb-db backup
      atb-db backup --env production --backup-dir ./backups --retention 7
      atb-db backup --retention 2 --keep-daily 14 --keep-monthly 24
      atb-db backup --then "rclone copy {} offsite:atb/" --encrypt-to age1…
      atb-db backup list
      atb-db backup status --rpo 15m || echo "backups are late"
      atb-db backup verify --all
      atb-db backup schedule

    \b
    Exit codes: 0 done, 1 failed, or not taken elsewhere, 2 wrong usage or
    unusable folder, 4 cannot connect, 5 it is marked as another environment than
    --env, 6 another backup is under way, 7 there is no pg_dump as new as the
    server, or no program of --then or --encrypt-to, 130 interrupted.
    """  # noqa: D301  \b keeps the lines apart in --help
    if context.invoked_subcommand is not None:
        return
    from atb_db.admin.backup.dump import backup
    from atb_db.admin.backup.retention import Retention
    from atb_db.admin.destroy.deployment import refuse_others

    settings = settings_for(url, env)
    if env is not None:
        refuse_others(settings, environment_of(env))
    rules = Retention(retention, daily=keep_daily, weekly=keep_weekly, monthly=keep_monthly)
    with progress_bar() as progress:
        made = backup(
            settings,
            folder=backup_dir,
            retention=rules,
            everything=everything,
            elsewhere=elsewhere_of(then, encrypt_to),
            progress=progress,
        )
    for note in made.notes:
        print_message(note)
    command = f"atb-db restore {shlex.quote(str(made.path))} --target URL"
    if as_json:
        print_json({**made._asdict(), "restore_command": command})
    else:
        _print_made(made, command)
    if made.unsent is not None:
        print_message(f"The backup is good, but it is not elsewhere, and no older one was removed: {made.unsent}")
        raise typer.Exit(ExitCode.FAILED)


def _print_made(made: Backup, command: str) -> None:
    typer.echo(made.path)
    manifest = made.manifest
    print_message(
        f"{manifest.database}: {counted(manifest.total_rows, 'row')} in {shown_size(manifest.bytes)}, by pg_dump "
        f"{manifest.client_version}, in {manifest.seconds:.1f} s; read through and found complete."
    )
    if made.removed:
        print_message(f"Removed {len(made.removed)} that no rule keeps.")
    print_message(f"Restore it with: {command}")


@backup_app.command("list")
def list_command(
    *,
    env: EnvironmentOption = None,
    backup_dir: FolderOption = FOLDER,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the database's backups, the oldest first; reads only their manifests.

    \b
    Examples:
      atb-db backup list
      atb-db backup list --json | jq '.[-1].path'

    \b
    Exit codes: 0 listed, 2 wrong usage, 3 some are no good.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.backup.folder import list_backups

    found = list_backups(home_of(settings_for(url, env), backup_dir))
    if as_json:
        print_json(found)
    else:
        print_table(("Time (UTC)", "Rows", "Size", "Server", "Problem", "File"), [_row(listed) for listed in found])
    if any(listed.problem for listed in found):
        raise typer.Exit(ExitCode.FOUND)


@backup_app.command("status")
def status_command(
    *,
    rpo: Annotated[
        timedelta,
        typer.Option(parser=parse_duration, metavar="LENGTH", help="How old the newest one may be."),
    ] = RPO,
    env: EnvironmentOption = None,
    backup_dir: FolderOption = FOLDER,
    archive_dir: ArchiveOption = ARCHIVE,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the age of the newest backup with a correct checksum, and of the archive; for cron and alerts.

    Where `atb-db archive` protects everything within the RPO, no backup is too old.

    \b
    Examples:
      atb-db backup status
      atb-db backup status --rpo 1h --json | jq .age_seconds

    \b
    Exit codes: 0 young enough, 2 wrong usage, 3 too old, or there is none.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.backup.folder import freshness
    from atb_db.admin.continuous.status import read_status, shown_status

    found = freshness(home_of(settings_for(url, env), backup_dir))
    archive = read_status(archive_dir)
    archived = archive is not None and archive.age is not None and archive.age <= rpo
    late = not archived and (found.age is None or found.age > rpo)
    if as_json:
        seconds = found.age.total_seconds() if found.age is not None else None
        print_json(
            {
                "late": late,
                "age_seconds": seconds,
                "rpo_seconds": rpo.total_seconds(),
                **found._asdict(),
                "archive": archive,
            }
        )
    elif found.newest is None or found.age is None:
        print_message("There is no good backup.")
    else:
        typer.echo(found.newest.path)
        print_message(f"{shown_duration(found.age)} old; at most {shown_duration(rpo)} is wanted.")
    if archive is not None and not as_json:
        print_message(shown_status(archive))
        for problem in archive.problems:
            print_message(f"{problem[:1].upper()}{problem[1:]}.")
    for listed in found.passed_over:
        print_message(f"No good: {listed.problem}.")
    if late:
        raise typer.Exit(ExitCode.FOUND)


@backup_app.command("verify")
def verify_command(
    *,
    file: Annotated[Path | None, typer.Argument(help="The .dump file.", show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of the database's backups.")] = False,
    env: EnvironmentOption = None,
    backup_dir: FolderOption = FOLDER,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read backups from the first byte to the last; compare size, checksum and every table's rows with the manifest.

    \b
    Examples:
      atb-db backup verify backups/atb/2026/11/24/backup-20261124T171530.123Z.dump
      atb-db backup verify --all

    \b
    Exit codes: 0 all good, 2 wrong usage or no such file, 3 some are no good,
    7 there is no pg_restore that can read them.
    """  # noqa: D301  \b keeps the lines apart in --help
    if (file is None) is not everything:
        raise typer.BadParameter("give either a FILE or --all")
    from atb_db.admin.backup.checking import check_backup
    from atb_db.admin.backup.names import dump_files
    from atb_db.admin.errors import BadBackup

    dumps = [file] if file else dump_files(home_of(settings_for(url, env), backup_dir))
    results: list[dict[str, object]] = []
    with progress_bar() as progress:
        for dump in dumps:
            problem = None
            try:
                check_backup(dump, progress=progress)
            except BadBackup as error:
                problem = str(error)
            results.append({"path": str(dump), "good": problem is None, "problem": problem})
    if as_json:
        print_json(results)
    else:
        print_table(("Backup", "Problem"), [(result["path"], result["problem"] or "none") for result in results])
    if not results:
        print_message("There is no backup.")
    if not all(result["good"] for result in results) or not results:
        raise typer.Exit(ExitCode.FOUND)


def home_of(settings: Settings, backup_dir: Path) -> Path:
    """The folder of the database's backups."""
    from psycopg.conninfo import conninfo_to_dict

    from atb_db.admin.backup.names import database_folder
    from atb_db.admin.errors import Unusable

    name = conninfo_to_dict(settings.conninfo).get("dbname")
    if not name:
        raise Unusable("DATABASE_URL names no database")
    return database_folder(backup_dir, str(name))


def _row(listed: Listed) -> tuple[object, ...]:
    manifest = listed.manifest
    known = (manifest.total_rows, shown_size(manifest.bytes), manifest.server_version) if manifest else ("", "", "")
    return (f"{listed.time:%Y-%m-%d %H:%M:%S}", *known, listed.problem or "none", listed.path)
