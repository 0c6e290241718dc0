"""The commands on the configured database."""

from __future__ import annotations

from typing import Annotated

import typer

from atb_db.cli.options import UrlOption, settings_of


def psql_command(
    arguments: Annotated[list[str] | None, typer.Argument(help="Arguments for psql, after --.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Let SQL write.")] = False,
    url: UrlOption = None,
) -> None:
    """Open psql on the database, read-only unless --write.

    Times are shown in UTC. It has questions, such as :sessions, :pnl and :account, about sessions of the mode that
    matters most: LIVE if there is one, else PAPER, else BACKTEST; `\\set modes backtest`, `live|paper` or `.` (all)
    choose others. The password is passed in the environment, never on psql's command line.

    \b
    Examples:
      atb-db psql
      atb-db psql -- -c :recent_trades
      atb-db psql -- -v modes=backtest -c :pnl
      atb-db psql -- -c 'SELECT * FROM trading_sessions'
      atb-db psql -- -v order_id=7 -f sql/queries/orders/get_fills.sql
      atb-db psql --write

    \b
    Exit codes: 2 wrong usage, 7 psql is not installed, else psql's own.
    """  # noqa: D301  \b keeps the lines apart in --help
    from atb_db.admin.psql import psql

    psql(settings_of(url), write=write, arguments=arguments or [])
