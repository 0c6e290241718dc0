"""`atb-db watch`: where sessions stand, on a terminal, and as they go on."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from time import sleep
from typing import TYPE_CHECKING, Annotated, Final

import typer

from atb_db.cli.choosing import ModeOption, SessionOption, SinceOption, StrategyOption, chosen
from atb_db.cli.durations import Duration, parse_duration
from atb_db.cli.options import JsonOption, UrlOption, settings_of
from atb_db.cli.output import print_json

if TYPE_CHECKING:
    from rich.console import Console

    from atb_db.admin.report import ReportChoice
    from atb_db.config import Settings
    from atb_db.report.live import Live

EVERY: Final = Duration(seconds=5)


def watch_command(
    *,
    session: SessionOption = None,
    strategy: StrategyOption = None,
    mode: ModeOption = None,
    since: SinceOption = None,
    every: Annotated[
        timedelta, typer.Option(parser=parse_duration, metavar="LENGTH", help="How often it is read again.")
    ] = EVERY,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show balance, P&L, equity, open positions and errors, and show them again as they change.

    Ends with Ctrl-C. Away from a terminal, and with --json, it shows them once. What is shown is about what
    `atb-db report` would report on.

    \b
    Examples:
      atb-db watch --session 42
      atb-db watch --mode live --every 2s
      atb-db watch --session 42 --json | jq .positions

    \b
    Exit codes: 0 shown, 1 there is no such session or strategy, 2 wrong options,
    4 cannot connect, 130 interrupted.
    """  # noqa: D301  \b keeps the lines apart in --help
    from rich.console import Console

    from atb_db.admin.report import read_live, report_settings
    from atb_db.cli.live_view import view
    from atb_db.database import Database

    choice = chosen(session=session, strategy=strategy, mode=mode, since=since)
    settings = report_settings(settings_of(url))
    with Database(settings) as db:
        live = read_live(db, choice)
    console = Console(highlight=False)
    if as_json:
        print_json(live)
    elif sys.stdout.isatty():
        _follow(settings, choice, live, every=every, console=console)
    else:
        console.print(view(live, now=datetime.now(UTC), encoding=console.encoding))


def _follow(settings: Settings, choice: ReportChoice, live: Live, *, every: timedelta, console: Console) -> None:
    """Show it until Ctrl-C; while there is no answer, the last one stays, with the reason below it."""
    from rich.live import Live as Screen

    from atb_db.admin.report import read_live
    from atb_db.cli.live_view import view
    from atb_db.database import Database
    from atb_db.errors import Timeout, Unavailable

    read_at, trouble = datetime.now(UTC), ""
    with Screen(console=console, screen=True, auto_refresh=False) as screen:
        while True:
            height = console.size.height
            shown = view(live, now=read_at, encoding=console.encoding, trouble=trouble, height=height)
            screen.update(shown, refresh=True)
            sleep(every.total_seconds())
            try:
                with Database(settings) as db:
                    live = read_live(db, choice)
                read_at, trouble = datetime.now(UTC), ""
            except (Unavailable, Timeout) as error:
                trouble = str(error)
