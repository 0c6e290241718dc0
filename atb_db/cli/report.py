"""`atb-db report`: what the books say, as a page to look at, to mail and to print."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Annotated

import typer

from atb_db.cli.durations import parse_duration
from atb_db.cli.options import JsonOption, UrlOption, settings_of
from atb_db.cli.output import print_json, print_message
from atb_db.types import TradeSource

if TYPE_CHECKING:
    from atb_db.admin.report import ReportChoice, WrittenReport
    from atb_db.config import Settings


def report_command(
    *,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The page; one that is there is replaced.")] = Path(
        "report.html"
    ),
    session: Annotated[int | None, typer.Option(metavar="ID", help="Only this session.", min=1)] = None,
    strategy: Annotated[str | None, typer.Option(metavar="NAME", help="Only the trades of this strategy.")] = None,
    mode: Annotated[
        TradeSource | None, typer.Option(case_sensitive=False, help="Only sessions of this mode.", show_default=False)
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="From a day, a time or so long ago: 2024-03-01, 90d.")
    ] = None,
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
    Exit codes: 0 written, 1 there is no such session or strategy, 2 wrong options or a file that cannot be written,
    4 cannot connect, 7 Jinja is not installed, 130 interrupted.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.report import ReportChoice, report_settings, write_report
    from atb_db.database import Database

    if session is not None and strategy is not None:
        raise typer.BadParameter("--session and --strategy exclude each other")
    if every is not None and every < timedelta(seconds=1):
        raise typer.BadParameter("--every is a second or longer")
    choice = ReportChoice(session, strategy, mode, None if since is None else moment_of(since, datetime.now(UTC)))
    settings = report_settings(settings_of(url))
    if every is None:
        with Database(settings) as db:
            _tell(write_report(db, choice, out), as_json=as_json)
    else:
        _write_forever(settings, choice, out, every, as_json=as_json)


def moment_of(text: str, now: datetime) -> datetime:
    """The moment that a UTC day, a time with its offset, or a length of time before now says."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            return now - parse_duration(text)
        except typer.BadParameter:
            said = f"{text[:40]!r} is no day, no time and no length of time: 2024-03-01, 2024-03-01T09:00Z, 90d"
            raise typer.BadParameter(said) from None
    if moment.tzinfo is None:
        if "T" in text or " " in text.strip() or ":" in text:
            raise typer.BadParameter(f"{text[:40]!r} has no offset: append Z if it is UTC")
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


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
