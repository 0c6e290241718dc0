"""`atb-db backup schedule`: what makes, thins, checks and drills backups by itself."""

from __future__ import annotations

import shlex
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from atb_db.admin.readable import counted, read_duration, shown_duration, shown_size
from atb_db.cli.backup import FOLDER, RPO, FolderOption, home_of
from atb_db.cli.durations import parse_duration
from atb_db.cli.options import (
    DailyOption,
    EnvironmentOption,
    JsonOption,
    MonthlyOption,
    RetentionOption,
    UrlOption,
    WeeklyOption,
    settings_for,
)
from atb_db.cli.output import print_json
from atb_db.cli.schedules import backup_schedule


def schedule_command(
    *,
    rpo: Annotated[
        timedelta, typer.Option(parser=parse_duration, metavar="LENGTH", help="How much may be lost.")
    ] = RPO,
    retention: RetentionOption = 1,
    keep_daily: DailyOption = 14,
    keep_weekly: WeeklyOption = 8,
    keep_monthly: MonthlyOption = 12,
    env: EnvironmentOption = None,
    backup_dir: FolderOption = FOLDER,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print configuration for cron and Railway that meets an RPO, with the reasoning and the disk that it needs.

    Uses the duration and the size of the newest backup; without one, a minute. Paths are absolute, so that the lines
    work in cron, which has hardly any PATH; DATABASE_URL comes from a .env file of this folder, or from the crontab.

    \b
    Examples:
      atb-db backup schedule
      atb-db backup schedule --rpo 1h --backup-dir /var/backups --keep-monthly 24

    \b
    Exit codes: 0 printed, 1 no schedule honours it, 2 wrong usage.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.backup.folder import list_backups
    from atb_db.admin.backup.retention import Retention
    from atb_db.admin.backup.schedule import most_kept, plan

    made = [
        one.manifest for one in list_backups(home_of(settings_for(url, env), backup_dir)) if one.manifest is not None
    ]
    duration = timedelta(seconds=made[-1].seconds) if made else timedelta(minutes=1)
    found = plan(rpo, duration)
    rules = Retention(retention, daily=keep_daily, weekly=keep_weekly, monthly=keep_monthly)
    kept = most_kept(found, rules)
    program = shlex.quote(str(Path(sys.argv[0]).absolute()))
    named = f" --env {env}" if env else ""
    where = f"--backup-dir {shlex.quote(str(backup_dir.resolve()))}{named}"
    short = shown_duration(rpo).replace(" ", "")
    length = short if read_duration(short) == rpo else f"{rpo.total_seconds():.0f}s"
    thinned = " ".join(
        f"--{name} {number}"
        for name, number in (
            ("retention", retention),
            ("keep-daily", keep_daily),
            ("keep-weekly", keep_weekly),
            ("keep-monthly", keep_monthly),
        )
        if number
    )
    commands = {
        "command": f"{program} backup {where} {thinned}",
        "check": f"{program} backup status {where} --rpo {length}",
        "verify": f"{program} backup verify --all {where}",
        "drill": f"{program} drill --random {where} --rpo {length}",
    }
    volume = Path("/") / backup_dir  # of a container, where this folder is not
    start = f"atb-db backup --backup-dir {shlex.quote(str(volume))}{named} {thinned}"
    railway = {"deploy": {"startCommand": start, "cronSchedule": found.cron, "restartPolicyType": "NEVER"}}
    size = made[-1].bytes if made else None
    if as_json:
        lengths = {"every_seconds": found.every.total_seconds(), "worst_loss_seconds": found.worst_loss.total_seconds()}
        print_json(
            {"cron": found.cron, **commands, "railway": railway, **lengths, "most_kept": kept, "newest_bytes": size}
        )
        return
    measured = "the newest backup took" if made else "no backup was made yet; assumed are"
    disk = "" if size is None else f", {shown_size(kept * size)} if all are as large as the newest"
    every, worst = shown_duration(found.every), shown_duration(found.worst_loss)
    seconds = f"{duration.total_seconds():.1f} s"
    about = [
        f"A backup is begun every {every} and shows the moment it began: {measured} {seconds}.",
        f"At the worst moment the newest finished one is {worst} old; the RPO is {shown_duration(rpo)}.",
        f"Kept are {counted(kept, 'backup')} at the most{disk}.",
    ]
    typer.echo(backup_schedule(about=about, cron=found.cron, commands=commands, volume=volume))
    print_json(railway)
