"""The command that moves old decisions into chunks, and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import typer

from atb_db.admin.progress import silent
from atb_db.admin.readable import counted
from atb_db.cli.choosing import SessionOption
from atb_db.cli.durations import Duration, parse_duration
from atb_db.cli.guarding import confirm
from atb_db.cli.options import JsonOption, UrlOption, settings_of
from atb_db.cli.output import print_json, print_message, print_table
from atb_db.cli.progress import progress_bar
from atb_db.cli.purge import DryRunOption, YesOption

OLD: Final = Duration(days=90)


def compact_command(
    *,
    older_than: Annotated[
        timedelta,
        typer.Option(parser=parse_duration, metavar="LENGTH", help="Made longer ago than that; a day at least."),
    ] = OLD,
    session: SessionOption = None,
    size: Annotated[
        int, typer.Option(metavar="N", min=1, max=10_000, help="Decisions of a chunk, moved in one transaction.")
    ] = 1_000,
    undo: Annotated[bool, typer.Option("--undo", help="Move every chunk back into rows, of whatever age.")] = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move old decisions into chunks, a thousand in one compressed row, which take a fifth of the disk.

    Every read shows them as before, exports have them, purges remove them, a repeated request is still answered as one.
    Each chunk is one transaction: a run may be killed at any time, and the next one goes on. What does not fill a chunk
    stays, unless its session has ended; so do its newest decision and those with a trade. --undo makes the same rows of
    them again. A MAINTENANCE event records beforehand what will be moved. Only a member of atb_owner may.

    \b
    Examples:
      atb-db compact --dry-run
      atb-db compact --older-than 30d --yes
      atb-db compact --undo --session 17

    \b
    Exit codes: 0 done, 1 no such session, 2 wrong usage, 4 cannot connect,
    5 not confirmed or not allowed, 6 another transaction keeps a session busy.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin import compacting

    if older_than < compacting.NEWEST:
        raise typer.BadParameter("decisions of the last day are not compacted", param_hint="'--older-than'")
    settings, before = settings_of(url), datetime.now(UTC) - older_than
    if undo:
        found = compacting.packed(settings, session_id=session)
    else:
        found = compacting.compactable(settings, before=before, session_id=session, size=size)
    if found and not dry_run:
        what = counted(sum(one.decisions for one in found), "decision")
        confirm(f"{'Move back' if undo else 'Compact'} {what} of {counted(len(found), 'session')}?", yes=yes)
        notes = compacting.announce(settings, f"{'Moving back' if undo else 'Compacting'} {what}", found)
        with progress_bar() as show:
            if undo:
                found = compacting.unpack(settings, session_id=session, progress=show or silent)
            else:
                found = compacting.compact(
                    settings, before=before, session_id=session, size=size, progress=show or silent
                )
        for note in notes:
            print_message(note)
    decisions, chunks = sum(one.decisions for one in found), sum(one.chunks for one in found)
    if as_json:
        print_json({"dry_run": dry_run, "undo": undo, "decisions": decisions, "chunks": chunks, "sessions": found})
        return
    if found:
        print_table(("Session", "Decisions", "Chunks"), found)
    done = ("Would move back" if dry_run else "Moved back") if undo else ("Would compact" if dry_run else "Compacted")
    print_message(f"{done} {counted(decisions, 'decision')} {'of' if undo else 'into'} {counted(chunks, 'chunk')}.")
