"""The commands that remove what is no longer needed, and end sessions whose engine has died."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from atb_db.admin.progress import silent
from atb_db.admin.readable import counted, shown_duration
from atb_db.cli.durations import Duration, parse_duration
from atb_db.cli.guarding import confirm
from atb_db.cli.options import JsonOption, UrlOption, settings_of
from atb_db.cli.output import print_json, print_message, print_table
from atb_db.cli.progress import progress_bar
from atb_db.types import TradeSource

if TYPE_CHECKING:
    from atb_db.admin.purge import PurgedSession

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
OLD_SESSION: Final = Duration(days=90)
OLD_LOG: Final = Duration(days=180)
SILENCE: Final = Duration(days=1)

BatchOption = Annotated[int, typer.Option(metavar="N", min=1, help="Rows removed in one transaction.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only show what would happen.")]


def purge_command(
    *,
    older_than: Annotated[
        timedelta,
        typer.Option(parser=parse_duration, metavar="LENGTH", help="Ended longer ago than that."),
    ] = OLD_SESSION,
    mode: Annotated[
        list[TradeSource] | None,
        typer.Option(
            metavar="MODE",
            case_sensitive=False,
            help="live, paper or backtest; may be repeated. The last two if not given.",
        ),
    ] = None,
    session: Annotated[
        list[int] | None,
        typer.Option(metavar="ID", min=1, help="Exactly this session, whatever its mode or age; may be repeated."),
    ] = None,
    include_live: Annotated[bool, typer.Option("--include-live", help="Also LIVE sessions.")] = False,
    take_back: Annotated[
        int | None,
        typer.Option(
            metavar="ID",
            min=1,
            help="Keep this session, whose purge was started: possible while its books are complete.",
        ),
    ] = None,
    batch: BatchOption = 10_000,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove ended sessions with all their rows, in small transactions.

    LIVE sessions stay unless --include-live or --session names them. The next run continues an interrupted one. A PURGE
    event records beforehand what will be removed. Only a member of atb_owner may; without the right nothing is marked.

    \b
    Examples:
      atb-db purge --dry-run
      atb-db purge --older-than 30d --mode BACKTEST --yes
      atb-db purge --session 17 --session 18 --yes
      atb-db purge --take-back 17

    \b
    Exit codes: 0 done, 1 no such session, 2 wrong usage, 4 cannot connect, 5 not
    confirmed, not allowed, a named session has not ended, or part of its books is
    removed already.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin import purge

    if TradeSource.LIVE in (mode or ()) and not include_live:
        raise typer.BadParameter("the books of LIVE sessions are kept: add --include-live")
    settings = settings_of(url)
    if take_back is not None:
        purge.take_back_purge(settings, take_back)
        print_message(f"Session {take_back} is kept: its books are complete.")
        return
    modes = mode or [TradeSource.BACKTEST, TradeSource.PAPER, *([TradeSource.LIVE] if include_live else [])]
    found = purge.ended_sessions(
        settings, ended_before=datetime.now(UTC) - older_than, modes=modes, named=session or ()
    )
    rows = sum(part.rows for one in found for part in one.removed)
    if not as_json:
        _print_sessions(found)
    if found and not dry_run:
        confirm(f"Remove {counted(len(found), 'session')} with {counted(rows, 'row')} for good?", yes=yes)
        parts = [part for one in found for part in one.removed]
        purge.announce_purge(settings, session_ids=[one.session_id for one in found], removed=parts)
        with progress_bar() as progress:
            for one in found:
                purge.purge_session(settings, one.session_id, batch=batch, progress=progress or silent)
    if as_json:
        print_json({"dry_run": dry_run, "rows": rows, "sessions": found})
    else:
        print_message(
            f"{'Would remove' if dry_run else 'Removed'} {counted(len(found), 'session')} with {counted(rows, 'row')}."
        )


def purge_logs_command(
    *,
    older_than: Annotated[
        timedelta,
        typer.Option(parser=parse_duration, metavar="LENGTH", help="Recorded longer ago than that."),
    ] = OLD_LOG,
    batch: BatchOption = 10_000,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove old system events, decisions and measured predictions of every session, in small transactions.

    No balance or figure is computed from these; a PURGE event records beforehand what will be removed.

    \b
    Examples:
      atb-db purge-logs --dry-run
      atb-db purge-logs --older-than 365d --yes

    \b
    Exit codes: 0 done, 2 wrong usage, 4 cannot connect,
    5 not confirmed, or the login may only read.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin import purge

    settings, before = settings_of(url), datetime.now(UTC) - older_than
    found = [purge.count_log(settings, table, before=before) for table in purge.LOG_TABLES]
    rows = sum(one.rows for one in found)
    if not as_json:
        print_table(("Table", "Rows"), found)
    if rows and not dry_run:
        confirm(f"Remove {counted(rows, 'row')} for good?", yes=yes)
        purge.announce_purge(settings, session_ids=[], removed=found)
        with progress_bar() as progress:
            for table in purge.LOG_TABLES:
                purge.purge_log(settings, table, before=before, batch=batch, progress=progress or silent)
    if as_json:
        print_json({"dry_run": dry_run, "rows": rows, "logs": found})
    else:
        print_message(f"{'Would remove' if dry_run else 'Removed'} {counted(rows, 'row')}.")


def end_crashed_command(
    *,
    silent: Annotated[
        timedelta,
        typer.Option(
            "--silent", "--idle", parser=parse_duration, metavar="LENGTH", help="Without a sign of life for so long."
        ),
    ] = SILENCE,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """End the sessions of dead engines as of their last sign of life, with their final figures.

    Signs of life are the session's start, a renewal of its hold, a ledger entry, a snapshot, an event or a
    decision. An engine that comes back resumes its session.

    \b
    Examples:
      atb-db end-crashed --dry-run
      atb-db end-crashed --silent 1h --yes

    \b
    Exit codes: 0 done, 2 wrong usage, 4 cannot connect,
    5 not confirmed, or the login may only read.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin import purge

    settings = settings_of(url)
    found = purge.crashed_sessions(settings, idle=silent)
    if not as_json:
        rows = [
            (one.session_id, one.session_name, str(one.mode), f"{one.last_sign_of_life:%Y-%m-%d %H:%M}")
            for one in found
        ]
        print_table(("Session", "Name", "Mode", "Last sign of life (UTC)"), rows)
    if found and not dry_run:
        confirm(f"End {counted(len(found), 'session')} silent for {shown_duration(silent)}?", yes=yes)
        found = purge.end_crashed_sessions(settings, found)
    if as_json:
        print_json({"dry_run": dry_run, "sessions": found})
    else:
        print_message(f"{'Would end' if dry_run else 'Ended'} {counted(len(found), 'session')}.")


def _print_sessions(found: list[PurgedSession]) -> None:
    rows = [
        (
            one.session_id,
            one.session_name,
            str(one.mode),
            f"{one.end_time:%Y-%m-%d %H:%M}",
            sum(part.rows for part in one.removed),
        )
        for one in found
    ]
    print_table(("Session", "Name", "Mode", "Ended (UTC)", "Rows"), rows)
