"""Which backups are no longer needed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple


class Retention(NamedTuple):
    """Which backups to keep; a backup goes when no rule keeps it."""

    days: int
    """Every one of the last so many times 24 hours."""
    daily: int = 0
    """The newest one of each of the last so many days that have any; days, weeks and months are UTC's."""
    weekly: int = 0
    """The same with weeks, which begin on Monday."""
    monthly: int = 0


def expired(times: Iterable[datetime], retention: Retention, *, now: datetime) -> list[datetime]:
    """Of the times of good backups those that may go, the oldest first; never the newest, nor one in the future.

    The newest is the newest that is not in the future: a clock that once was wrong must not cost the real ones.
    """
    past = sorted((time for time in times if time <= now), reverse=True)
    kept = {*past[:1], *(time for time in past if time > now - timedelta(days=retention.days))}
    for count, period in ((retention.daily, _day), (retention.weekly, _week), (retention.monthly, _month)):
        newest: dict[tuple[int, ...], datetime] = {}
        for time in past:
            newest.setdefault(period(time.astimezone(UTC)), time)
        kept.update(list(newest.values())[:count])
    return [time for time in reversed(past) if time not in kept]


def _day(time: datetime) -> tuple[int, ...]:
    return time.timetuple()[:3]


def _week(time: datetime) -> tuple[int, ...]:
    return time.isocalendar()[:2]


def _month(time: datetime) -> tuple[int, ...]:
    return time.timetuple()[:2]
