"""`atb-db archive`: continuous protection, back to any second."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from atb_db.admin.readable import shown_duration
from atb_db.cli.durations import Duration, parse_duration
from atb_db.cli.elsewhere import EncryptOption, elsewhere_of
from atb_db.cli.exits import ExitCode
from atb_db.cli.grouping import WholeSentences
from atb_db.cli.options import EnvironmentOption, JsonOption, UrlOption, settings_for
from atb_db.cli.output import print_json, print_message
from atb_db.cli.schedules import archive_schedule

if TYPE_CHECKING:
    from types import FrameType

    from atb_db.admin.continuous.archiver import Rules
    from atb_db.admin.continuous.status import ArchiveStatus
    from atb_db.config import Settings

FOLDER: Final = Path("archive")
BASE_EVERY: Final = Duration(days=1)
WHOLE_EVERY: Final = Duration(days=7)
KEEP: Final = Duration(days=7)
RPO: Final = Duration(minutes=1)
_LOG: Final = "archiver.log"
_UP_SECONDS: Final = 600.0


def _folder(text: str | Path) -> Path:
    """The folder, so that messages about it say the same in every other folder."""
    if not str(text):
        raise typer.BadParameter("it is empty")  # a variable that is not set; "." is the current folder
    return Path(text).absolute()


ArchiveOption: TypeAlias = Annotated[
    Path, typer.Option("--archive-dir", parser=_folder, metavar="DIR", help="Where the archive lies.")
]
EveryOption: TypeAlias = Annotated[
    timedelta, typer.Option("--base-every", parser=parse_duration, metavar="LENGTH", help="How often to back up whole.")
]
WholeOption: TypeAlias = Annotated[
    timedelta,
    typer.Option(
        "--whole-every",
        parser=parse_duration,
        metavar="LENGTH",
        help="How often a base backup is a whole one; others have the changes, where PostgreSQL 17+ notes them.",
    ),
]
KeepOption: TypeAlias = Annotated[
    timedelta, typer.Option("--keep", parser=parse_duration, metavar="LENGTH", help="How far back one can go.")
]

ThenOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--then",
        metavar="CMD",
        help="Run this for each complete file, to take it elsewhere; {} is its path, {name} its place in the archive.",
    ),
]

archive_app = typer.Typer(cls=WholeSentences, rich_markup_mode=None, no_args_is_help=True)


@archive_app.callback()
def archive_command() -> None:
    """Protect the server continuously, so that `restore --at` brings back any second.

    Follows the server's write-ahead log over an ordinary connection with PostgreSQL's own programs, and makes base
    backups. It is of the whole server: every database in it.

    \b
    Examples:
      atb-db archive start
      atb-db archive status
      atb-db restore --at "2026-11-29 03:00:05+00"

    \b
    Exit codes: those of the command; 2 wrong usage.
    """  # noqa: D301  \b keeps the lines apart in --help


@archive_app.command("start")
def start_command(
    *,
    archive_dir: ArchiveOption = FOLDER,
    base_every: EveryOption = BASE_EVERY,
    whole_every: WholeOption = WHOLE_EVERY,
    keep: KeepOption = KEEP,
    then: ThenOption = None,
    encrypt_to: EncryptOption = None,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay: for systemd and containers; SIGTERM ends it.")
    ] = False,
    env: EnvironmentOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start the archiver, in the background unless --foreground; returns once the first base backup is there.

    It first looks whether the server allows it, and prints the lines that would. It outlives restarts of the server and
    goes on after being killed; what cannot be bridged is a gap, which `archive status` shows. The slot on the server
    keeps the log while the archiver is away: bound it with max_slot_wal_keep_size.

    With --then every file that is complete is handed on, a base backup packed as one. As long as the command ends with
    another exit status than 0, nothing is removed here, it is tried again, and `archive status` says so.

    \b
    Examples:
      atb-db archive start
      atb-db archive start --archive-dir /var/lib/atb/archive --keep 14d
      atb-db archive start --foreground
      atb-db archive start --then "rclone copyto {} offsite:archive/{name}"

    \b
    Exit codes: 0 started, or stopped after --foreground, 1 failed, 2 wrong usage,
    4 cannot connect, 5 the server does not allow it, or it is the archive of
    another server, 6 an archiver is at work there already, 7 a program of
    PostgreSQL, of --then or of --encrypt-to is missing.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.backup.offsite import check_off_site
    from atb_db.admin.continuous.archiver import Rules
    from atb_db.admin.continuous.layout import is_archiving
    from atb_db.admin.continuous.preparing import prepare
    from atb_db.admin.errors import LockHeld

    settings = settings_for(url, env)
    rules = Rules(base_every, whole_every, keep, elsewhere_of(then, encrypt_to, names=True))
    if foreground:
        _follow(settings, archive_dir, rules)
        return
    if is_archiving(archive_dir):
        raise LockHeld(f"an archiver is at work in {archive_dir} already")
    if rules.elsewhere is not None:
        check_off_site(rules.elsewhere)
    *_, advised = prepare(settings, archive_dir)
    for sentence in advised:
        print_message(sentence)
    found = _start(settings, archive_dir, rules)
    _print(found, as_json=as_json)
    stop = f"atb-db archive stop --archive-dir {shlex.quote(str(archive_dir))}"
    print_message(f"The archiver goes on in the background until it is stopped: {stop}")


@archive_app.command("status")
def status_command(
    *,
    archive_dir: ArchiveOption = FOLDER,
    rpo: Annotated[
        timedelta, typer.Option(parser=parse_duration, metavar="LENGTH", help="How much may be lost.")
    ] = RPO,
    as_json: JsonOption = False,
) -> None:
    """Show until when everything is protected, what can be restored, and what is amiss; reads only the folder.

    \b
    Examples:
      atb-db archive status
      atb-db archive status --rpo 5s --json | jq .protected_until

    \b
    Exit codes: 0 protected, 2 wrong usage, 3 not protected within the RPO, or
    something is amiss.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.continuous.status import read_status

    found = read_status(archive_dir)
    if found is None:
        print_message(f"There is no archive in {archive_dir}: atb-db archive start begins one.")
        raise typer.Exit(ExitCode.FOUND)
    late = found.age is None or found.age > rpo
    _print(found, as_json=as_json, late=late, rpo=rpo)
    if late or found.problems:
        raise typer.Exit(ExitCode.FOUND)


@archive_app.command("stop")
def stop_command(
    *,
    archive_dir: ArchiveOption = FOLDER,
    drop_slot: Annotated[
        bool,
        typer.Option("--drop-slot", help="The server need not keep its log for the next start, which begins again."),
    ] = False,
    env: EnvironmentOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop the archiver; what it has archived stays, and can be restored.

    Until the next start the server keeps its log for it; --drop-slot is for good.

    \b
    Examples:
      atb-db archive stop
      atb-db archive stop --drop-slot

    \b
    Exit codes: 0 stopped, 2 wrong usage, or it does not stop, 3 there was none,
    4 cannot connect to drop the slot, 5 somebody uses the slot.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.continuous.layout import read_archive
    from atb_db.admin.continuous.preparing import drop_slot as drop
    from atb_db.admin.continuous.status import stop_archiver

    archive = read_archive(archive_dir)
    stopped = archive is not None and stop_archiver(archive_dir)
    dropped = archive is not None and drop_slot and drop(settings_for(url, env), archive)
    if as_json:
        print_json({"stopped": stopped, "slot_dropped": dropped})
    else:
        print_message("Stopped." if stopped else f"No archiver was at work in {archive_dir}.")
        if archive is not None and not drop_slot:
            print_message(f"The server keeps its log for the slot {archive.slot} until the archiver is back.")
    if not (stopped or dropped):
        raise typer.Exit(ExitCode.FOUND)


@archive_app.command("schedule")
def schedule_command(
    *,
    archive_dir: ArchiveOption = FOLDER,
    base_every: EveryOption = BASE_EVERY,
    whole_every: WholeOption = WHOLE_EVERY,
    keep: KeepOption = KEEP,
    then: ThenOption = None,
    encrypt_to: EncryptOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print what keeps an archiver running: for systemd, cron and Docker Compose; and what watches it.

    \b
    Examples:
      atb-db archive schedule
      atb-db archive schedule --archive-dir /var/lib/atb/archive --keep 14d

    \b
    Exit codes: 0 printed, 2 wrong usage.
    """  # noqa: D301  \b keeps the lines apart in --help
    program = shlex.quote(str(Path(sys.argv[0]).absolute()))
    where = f"--archive-dir {shlex.quote(str(archive_dir))}"
    elsewhere_of(then, encrypt_to, names=True)
    away = {"--then": then, "--encrypt-to": encrypt_to}
    more = shlex.join(
        [
            *("--base-every", _written(base_every), "--whole-every", _written(whole_every), "--keep", _written(keep)),
            *(word for option, given in away.items() if given is not None for word in (option, given)),
        ]
    )
    start = f"{program} archive start {where} {more}"
    check = f"{program} archive status {where}"
    drill = f"{program} drill --at random {where}"
    if as_json:
        print_json({"start": start, "foreground": f"{start} --foreground", "check": check, "drill": drill})
    else:
        typer.echo(archive_schedule(start, check, drill, container=f"archive start --archive-dir /archive {more}"))


def _written(length: timedelta) -> str:
    return shown_duration(length).replace(" ", "")


def _follow(settings: Settings, folder: Path, rules: Rules) -> None:
    from threading import Event

    from atb_db.admin.continuous.archiver import follow

    stopped = Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    follow(settings, folder, rules=rules, stopped=stopped, tell=print_message)


def _start(settings: Settings, folder: Path, rules: Rules) -> ArchiveStatus:
    """Start an archiver that outlives this process, and wait until it protects something."""
    from atb_db.admin.backup.folder import make_private, usable
    from atb_db.admin.continuous.status import read_status
    from atb_db.errors import AtbDbError

    arguments = [
        *(sys.executable, "-m", "atb_db", "archive", "start", "--foreground", "--archive-dir", str(folder)),
        *("--base-every", _written(rules.base_every), "--whole-every", _written(rules.whole_every)),
        *("--keep", _written(rules.keep)),
        *(() if rules.elsewhere is None else ("--then", shlex.join(rules.elsewhere.command))),
        *(
            ()
            if rules.elsewhere is None or rules.elsewhere.recipient is None
            else ("--encrypt-to", rules.elsewhere.recipient)
        ),
    ]
    with usable(folder):
        make_private(folder)
        log = folder / _LOG
        log.touch(mode=0o600)
        begins = log.stat().st_size
        with log.open("ab") as said:
            child = subprocess.Popen(
                arguments,
                # Not on the command line, which all users can read.
                env={**os.environ, "DATABASE_URL": settings.conninfo},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
    end = monotonic() + _UP_SECONDS
    while child.poll() is None and monotonic() < end:
        found = read_status(folder)
        if found is not None and found.streaming and found.protected_until is not None:
            child.returncode = 0  # it goes on without us
            return found
        sleep(0.2)
    with log.open("rb") as said:
        said.seek(begins)
        lines = said.read().decode(errors="replace").strip().splitlines()
    if child.returncode is None:
        child.returncode = 0
        raise AtbDbError(f"there is no base backup yet after {_UP_SECONDS:.0f} s; the archiver goes on: {log}")
    raise AtbDbError(f"the archiver ended: {lines[-1] if lines else f'with {child.returncode}'}")


def _print(found: ArchiveStatus, *, as_json: bool, late: bool = False, rpo: timedelta | None = None) -> None:
    from atb_db.admin.continuous.status import shown_status

    if as_json:
        age = None if found.age is None else found.age.total_seconds()
        limit = None if rpo is None else rpo.total_seconds()
        print_json({"late": late, "age_seconds": age, "rpo_seconds": limit, **found._asdict()})
        return
    typer.echo(shown_status(found))
    if late and found.age is not None and rpo is not None:
        print_message(f"Late: at most {shown_duration(rpo)} may be lost.")
    for problem in found.problems:
        print_message(f"{problem[:1].upper()}{problem[1:]}.")
