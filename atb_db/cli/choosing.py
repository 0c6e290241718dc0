"""The options that choose what a report or a view is about."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from atb_db.cli.durations import parse_moment
from atb_db.types import TradeSource

if TYPE_CHECKING:
    from atb_db.admin.report import ReportChoice

SessionOption: TypeAlias = Annotated[
    int | None, typer.Option("--session", metavar="ID", help="Only this session.", min=1)
]
StrategyOption: TypeAlias = Annotated[
    str | None, typer.Option("--strategy", metavar="NAME", help="Only the trades of this strategy.")
]
ModeOption: TypeAlias = Annotated[
    TradeSource | None,
    typer.Option(
        "--mode",
        metavar="MODE",
        case_sensitive=False,
        help="Only sessions of this mode: live, paper or backtest.",
        show_default=False,
    ),
]
SinceOption: TypeAlias = Annotated[
    datetime | None,
    typer.Option(
        "--since", parser=parse_moment, metavar="TIME", help="From a day, a time or so long ago: 2024-03-01, 90d."
    ),
]


def chosen(
    *, session: int | None, strategy: str | None, mode: TradeSource | None, since: datetime | None
) -> ReportChoice:
    """What the options choose; a session and a strategy together end the command."""
    from atb_db.admin.report import ReportChoice

    if session is not None and strategy is not None:
        raise typer.BadParameter("--session and --strategy exclude each other")
    return ReportChoice(session, strategy, mode, since)
