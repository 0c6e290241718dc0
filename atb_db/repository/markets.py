"""Market hours."""

from __future__ import annotations

from datetime import datetime, time
from typing import NamedTuple

from atb_db.statement import command, query
from atb_db.types import NOW, Json


class MarketSession(NamedTuple):
    """When a market is open, in the local time of its timezone; the times are None if is_24h.

    It opens on days_of_week (1 = Monday to 7 = Sunday). If close_time is not after open_time, it closes on the next
    day.
    """

    name: str
    """Name of the market."""
    timezone: str
    """IANA time zone of the other columns."""
    open_time: time | None
    """Local time from which on the market is open; NULL when is_24h."""
    close_time: time | None
    """Local time from which on it is closed: on the next day when it is not after open_time; NULL when is_24h."""
    days_of_week: Json
    """Local days on which it opens: 1 = Monday to 7 = Sunday."""
    is_24h: bool
    """Whether it is open from midnight to midnight on these days."""


@command
def define_market_session(
    *,
    name: str,
    timezone: str,
    days_of_week: Json,
    open_time: str | None = None,
    close_time: str | None = None,
    is_24h: bool = False,
) -> None:
    """Define when a market is open, in its local time.

    timezone is an IANA name, open_time and close_time are HH:MM or HH:MM:SS, days_of_week is a list of the days on
    which it opens, 1 = Monday to 7 = Sunday. If close_time is not after open_time, it closes on the next day. With
    is_24h it is open from midnight to midnight and takes no times.
    """
    ...


@query
def get_market_sessions() -> list[MarketSession]:
    """When each market is open, by name."""
    ...


@query
def is_market_open(*, name: str, at: datetime = NOW) -> bool:
    """Whether a market is open at a moment.

    It is open at open_time and closed at close_time. If the clock is set back, the second of two equal times counts; a
    time that the clock skips counts as if it had not been set forward. NotFound if the market was never defined.
    """
    ...
