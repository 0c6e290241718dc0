"""`atb-db report`: what the books say, as a page to look at, to mail and to print."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Annotated

import typer

from atb_db.cli.choosing import ModeOption, SessionOption, SinceOption, StrategyOption, chosen
from atb_db.cli.durations import parse_duration
from atb_db.cli.options import JsonOption, UrlOption, settings_of
from atb_db.cli.output import print_json, print_message

if TYPE_CHECKING:
    from atb_db.admin.report import ReportChoice, WrittenReport
    from atb_db.config import Settings


def report_command(
    *,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The page; one that is there is replaced.")] = Path(
        "report.html"
    ),
    session: SessionOption = None,
    strategy: StrategyOption = None,
    mode: ModeOption = None,
    since: SinceOption = None,
    every: Annotated[
        timedelta | None,
        typer.Option(
            parser=parse_duration,
            metavar="LENGTH",
            help="Write it again and again, such as 60s; the page loads itself again.",
            show_default=False,
        ),
    ] = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a page of equity, returns, P&L, trades, costs and positions.

    The page is one file that loads nothing: it can be opened from a mail and printed, and follows the reader's light
    or dark mode. Every figure says its definition and its exact value when it is pointed at. Without --session
    and --strategy it is about all sessions but those of verification. Needs the extra: pip install 'atb-db[report]'.

    With --every an answer that does not come leaves the last page, and the next round tries again.

    \b
    Examples:
      atb-db report --session 42
      atb-db report --strategy ma_cross --since 90d --out ma_cross.html
      atb-db report --mode live --every 60s --out /srv/wall/index.html
      atb-db report --session 42 --json | jq .performance.sharpe_ratio

    \b
    Exit codes: 0 written, 1 there is no such session or strategy, 2 wrong options
    or a file that cannot be written, 4 cannot connect, 7 Jinja is not installed,
    130 interrupted.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.report import report_settings, write_report
    from atb_db.database import Database

    if every is not None and every < timedelta(seconds=1):
        raise typer.BadParameter("--every is a second or longer")
    choice = chosen(session=session, strategy=strategy, mode=mode, since=since)
    settings = report_settings(settings_of(url))
    if every is None:
        with Database(settings) as db:
            _tell(write_report(db, choice, out), as_json=as_json)
    else:
        _write_forever(settings, choice, out, every, as_json=as_json)


def _write_forever(settings: Settings, choice: ReportChoice, out: Path, every: timedelta, *, as_json: bool) -> None:
    """Write it every so often, by a connection of its own each time: one that waits would be lost to every restart."""
    from atb_db.admin.report import write_report
    from atb_db.database import Database
    from atb_db.errors import Timeout, Unavailable

    refresh = max(round(every.total_seconds()), 1)
    began = monotonic()
    with Database(settings) as db:
        _tell(write_report(db, choice, out, refresh=refresh), as_json=as_json)
    while True:
        began = max(began + every.total_seconds(), monotonic())
        sleep(max(began - monotonic(), 0.0))
        try:
            with Database(settings) as db:
                write_report(db, choice, out, refresh=refresh)
        except (Unavailable, Timeout) as error:
            print_message(f"atb-db: {error}")


def _tell(written: WrittenReport, *, as_json: bool) -> None:
    from atb_db.admin.readable import shown_size

    if as_json:
        print_json(written._replace(path=written.path.resolve()))
    else:
        print_message(f"Wrote {written.path.resolve()} ({shown_size(written.size)}): {written.title}")
        if written.warning:
            print_message(f"{written.warning} Choose with --session, --mode or --strategy.")
