"""The command that computes what is kept by hours and days again."""

from __future__ import annotations

from typing import Annotated

import typer

from atb_db.admin.readable import counted
from atb_db.cli.choosing import SessionOption
from atb_db.cli.options import JsonOption, UrlOption, settings_of
from atb_db.cli.output import print_json, print_message, print_table
from atb_db.cli.progress import progress_bar


def rebuild_command(
    *,
    session: SessionOption = None,
    only_missing: Annotated[
        bool, typer.Option("--only-missing", help="Keep what is there, and add what is missing.")
    ] = False,
    step: Annotated[
        int, typer.Option(metavar="N", min=1, help="Snapshots, trades or orders read in one transaction.")
    ] = 100_000,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute again what is kept of equity, trades and orders by hours and days, in small transactions.

    Writes keep it by themselves. Run this once after an upgrade from before release 0.10, after a backtest whose trades
    came out of order, and where `atb-db audit` finds it wrong: figures are read from it. What is missing is read from
    the rows, which is slower but the same, so it may be interrupted at any time, and --only-missing goes on. A
    session's writers wait for one step, some tenths of a second.

    \b
    Examples:
      atb-db rebuild --only-missing
      atb-db rebuild --session 17
      atb-db rebuild --json

    \b
    Exit codes: 0 done, 1 no such session, 2 wrong usage, 4 cannot connect,
    6 another transaction keeps a session busy.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.progress import silent
    from atb_db.admin.rebuild import rebuild

    with progress_bar() as show:
        done = rebuild(
            settings_of(url), session_id=session, only_missing=only_missing, step=step, progress=show or silent
        )
    rows = sum(one.rows for one in done)
    if as_json:
        print_json({"rows": rows, "sessions": done})
        return
    changed = [one for one in done if one.rows or one.discarded]
    if changed:
        print_table(("Session", "Kept before", "Rows added"), changed)
    print_message(f"Added {counted(rows, 'row')} of {counted(len(done), 'session')}.")
