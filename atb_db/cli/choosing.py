"""The options that choose what a report or a view is about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from atb_db.cli.durations import parse_duration
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
    typer.Option("--mode", case_sensitive=False, help="Only sessions of this mode.", show_default=False),
]
SinceOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="From a day, a time or so long ago: 2024-03-01, 90d."),
]


def chosen(*, session: int | None, strategy: str | None, mode: TradeSource | None, since: str | None) -> ReportChoice:
    """What the options choose; a session and a strategy together, and a time that is none, end the command."""
    from atb_db.admin.report import ReportChoice

    if session is not None and strategy is not None:
        raise typer.BadParameter("--session and --strategy exclude each other")
    return ReportChoice(session, strategy, mode, None if since is None else moment_of(since, datetime.now(UTC)))


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
