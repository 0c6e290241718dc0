"""`atb-db compare`: the incumbent's figures beside those of the books that were made of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import typer

from atb_db.admin.readable import counted
from atb_db.cli.exits import ExitCode
from atb_db.cli.importing import AccountOption, IncumbentOption
from atb_db.cli.options import EnvironmentOption, JsonOption, UrlOption, settings_for, settings_of
from atb_db.cli.output import print_json, print_message, print_table


def compare_command(
    *,
    source: IncumbentOption,
    account: AccountOption = None,
    differences: Annotated[bool, typer.Option("--differences", help="Show only what differs.")] = False,
    url: UrlOption = None,
    env: EnvironmentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the figures of the incumbent's dashboard beside ours, session by session, after an import.

    Trades, wins and losses, gross and net P&L, costs, best and worst trade, win rate, open and closed positions,
    balance and peak equity. Both databases are only read; the incumbent's figures are computed from its rows, without
    those that are no numbers. What `atb-db import incumbent` left in quarantine or adjusted shows as a difference.

    \b
    Examples:
      atb-db compare --from postgresql://bot@localhost/ai_trading_bot
      atb-db compare --differences

    \b
    Exit codes: 0 all are equal, 2 wrong usage, not the incumbent's database, or
    nothing of it was imported, 3 some differ, 4 cannot connect.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.importing.incumbent.comparing import compare_incumbent

    compared = compare_incumbent(settings_for(url, env), settings_of(source), account_name=account)
    different = [one for one in compared if not one.same]
    shown = different if differences else compared
    if as_json:
        print_json([one._asdict() | {"same": one.same} for one in shown])
    else:
        print_table(
            ("Session", "Figure", "Incumbent", "Books", ""),
            [
                (one.session, one.figure, _number(one.source), _number(one.books), "" if one.same else "differs")
                for one in shown
            ],
        )
        print_message(f"{counted(len(compared), 'figure')}, {len(different)} of them different")
    if different:
        raise typer.Exit(ExitCode.FOUND)


def _number(value: Decimal | None) -> str:
    return "not imported" if value is None else f"{round(value, 8).normalize():f}"
