"""`atb-db drill`: whether backups can be restored, and how fast."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from atb_db.admin.progress import silent
from atb_db.admin.readable import counted, shown_duration
from atb_db.cli.archive import FOLDER as ARCHIVE
from atb_db.cli.archive import ArchiveOption
from atb_db.cli.backup import FOLDER, RPO, FolderOption, home_of
from atb_db.cli.durations import Duration, parse_duration, parse_moment
from atb_db.cli.exits import ExitCode
from atb_db.cli.options import EnvironmentOption, JsonOption, UrlOption, settings_for, settings_of
from atb_db.cli.output import print_json, print_message, print_table
from atb_db.cli.progress import progress_bar

if TYPE_CHECKING:
    from atb_db.admin.backup.drill import Drill, Drilled, Limits
    from atb_db.config import Settings

RTO: Final = Duration(hours=1)


def drill_command(
    *,
    file: Annotated[
        Path | None, typer.Argument(help="The .dump file; the newest without it.", show_default=False)
    ] = None,
    at_random: Annotated[bool, typer.Option("--random", help="Any of the database's backups.")] = False,
    past: Annotated[bool, typer.Option("--history", help="Only list the drills that the database remembers.")] = False,
    target: Annotated[
        str | None, typer.Option("--target", metavar="URL", help="Restore into a new database on this server.")
    ] = None,
    same_server: Annotated[
        bool, typer.Option("--same-server", help="Restore into a new database beside the live one.")
    ] = False,
    rto: Annotated[
        timedelta, typer.Option(parser=parse_duration, metavar="LENGTH", help="How long it may take.")
    ] = RTO,
    rpo: Annotated[
        timedelta, typer.Option(parser=parse_duration, metavar="LENGTH", help="How much may be lost.")
    ] = RPO,
    env: EnvironmentOption = None,
    backup_dir: FolderOption = FOLDER,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="From the archive: random, latest, or as for restore."),
    ] = None,
    archive_dir: ArchiveOption = ARCHIVE,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Restore a backup into a scratch database, check everything in it, and measure RTO and RPO.

    Compares every table's rows with the manifest, migrates, verifies, audits the books of every session, and runs
    every read statement. The scratch database is in an embedded PostgreSQL or, if none is installed, on the live
    server; it is removed at the end. RPO is the age of the dump; with --random, that of the newest good one. The
    report is a JSON file in DIR/<database>/drills and a RESTORE_DRILL event in the live database.

    With --at the same from the archive of `atb-db archive`, in a scratch server on this machine: RPO is what would be
    lost if the live server were lost now.

    \b
    Examples:
      atb-db drill
      atb-db drill --random
      atb-db drill --at random --rpo 5s
      atb-db drill FILE --same-server --rto 10m
      atb-db drill --history

    \b
    Exit codes: 0 passed, 1 failed, 2 wrong usage or no backup,
    3 something differs, or RTO or RPO is missed, 4 cannot connect,
    7 a program of PostgreSQL is missing, 130 interrupted.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.backup import drill

    if (file is not None) + at_random + past + (at is not None) > 1:
        raise typer.BadParameter("FILE, --random, --at and --history exclude each other")
    live = settings_for(url, env)
    if past:
        _print_history(live, as_json=as_json)
        return
    if at is not None:
        _drill_archive(live, archive_dir, at, drill.Limits(rto=rto, rpo=rpo), as_json=as_json)
        return
    home = home_of(live, backup_dir)
    dump = file or drill.choose_backup(home, at_random=at_random)
    where = settings_of(target) if target else live if same_server or not drill.has_embedded(dump) else None
    limits = drill.Limits(rto=rto, rpo=rpo)
    with progress_bar() as progress:
        done = drill.drill(live, dump, home=home, target=where, limits=limits, by_newest=at_random, progress=progress)
    _end(done, as_json=as_json)


def _drill_archive(live: Settings, folder: Path, at: str, limits: Limits, *, as_json: bool) -> None:
    from atb_db.admin.continuous.drill import drill_archive, random_moment

    moment = random_moment(folder) if at == "random" else None if at == "latest" else parse_moment(at)
    with progress_bar() as progress:
        done = drill_archive(live, folder, moment, limits=limits, progress=progress or silent)
    _end(done, as_json=as_json)


def _end(done: Drilled, *, as_json: bool) -> None:
    from atb_db.admin.backup import drill

    for note in done.notes:
        print_message(note)
    if as_json:
        print_json({**drill.to_report(done.drill), "report": str(done.report)})
    else:
        _print_drill(done.drill)
        print_message(f"The report: {done.report}")
    if not done.drill.passed:
        raise typer.Exit(ExitCode.FOUND)


def _print_drill(found: Drill) -> None:
    print_table(("Step", "Seconds"), [(step, f"{seconds:.3f}") for step, seconds in found.seconds.items()])
    typer.echo()
    if found.manifest and found.server:
        print_message(
            f"Restored {counted(found.manifest.total_rows, 'row')} of {found.file.name} in PostgreSQL {found.server}; "
            f"audited {counted(found.sessions_audited, 'session')}, "
            f"ran {counted(found.statements_run, 'read statement')}."
        )
    elif found.server:
        moment = f"{found.moment:%Y-%m-%d %H:%M:%S} UTC" if found.moment else "the last moment"
        print_message(
            f"Restored {moment} of the archive in PostgreSQL {found.server}; "
            f"audited {counted(found.sessions_audited, 'session')}, "
            f"ran {counted(found.statements_run, 'read statement')}."
        )
    for problem in found.problems:
        print_message(problem)
    took = found.rto_seconds if found.server else None
    age = found.rpo_seconds if found.rpo_seconds is not None and found.rpo_seconds >= 0 else None
    for name, seconds, limit in (("RTO", took, found.rto_limit_seconds), ("RPO", age, found.rpo_limit_seconds)):
        value = "unknown" if seconds is None else shown_duration(timedelta(seconds=seconds))
        state = "missed" if name in found.missed else "kept"
        print_message(f"{name} {state}: {value} of {shown_duration(timedelta(seconds=limit))}.")
    print_message("Passed." if found.passed else "Failed.")


def _print_history(live: Settings, *, as_json: bool) -> None:
    from atb_db.admin.backup.drill import history

    found = history(live)
    if as_json:
        print_json(found)
        return
    print_table(("Time", "Drill"), [(f"{event.timestamp:%Y-%m-%d %H:%M:%S}", event.message) for event in found])
    if not found:
        print_message("There was no drill yet.")
