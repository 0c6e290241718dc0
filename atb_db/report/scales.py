"""Scales: where a value lies on an axis, from 0 to 1000, and at which round values the axis has its ticks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import ceil, floor, log10
from typing import Final, NamedTuple

LENGTH: Final = 1000.0
"""Length of every axis; the page stretches it."""
_LEAST: Final = 1e-300
"""Less than this apart, floats are as good as equal: a part of it may be 0."""
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HOUR: Final = timedelta(hours=1)
_STEPS: Final = (_HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, 24 * _HOUR, 48 * _HOUR, 168 * _HOUR, 336 * _HOUR)
_YEAR: Final = 12
_MONTH_STEPS: Final = (1, 3, 6, 12, 24, 60, 120)


class Tick(NamedTuple):
    """A mark on an axis: where, in percent of its length, and what it says."""

    at: float
    label: str


class Scale(NamedTuple):
    """A linear scale of numbers; low < high."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Where the value lies: 0 for low, LENGTH for high."""
        return round((value - self.low) / (self.high - self.low) * LENGTH, 1)

    def up(self, value: float) -> float:
        """Where the value lies on an axis that begins at the bottom."""
        return round(LENGTH - self.at(value), 1)


def spanning(values: list[float], *, zero: bool = False, margin: float = 0.04) -> Scale:
    """A scale that holds all values, and zero if it should, with a margin at each end that is not zero."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    length = high - low or abs(high)
    if length < _LEAST:
        length = 1.0
    below = 0.0 if zero and low == 0 else margin * length
    above = 0.0 if zero and high == 0 and low < 0 else margin * length
    return Scale(low - below, high + above)


def round_values(scale: Scale, count: int) -> list[float]:
    """At most about `count` round values on the scale: multiples of 1, 2 or 5 times a power of ten."""
    rough = (scale.high - scale.low) / count
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = ceil(scale.low / step - 1e-9), floor(scale.high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def seconds(moment: datetime) -> float:
    """A moment as a number for a scale."""
    return moment.timestamp()


def time_ticks(first: datetime, last: datetime, count: int = 6) -> list[Tick]:
    """At most `count` round UTC times between two moments; a scale from first to last places them."""
    if first >= last:
        return []
    scale = Scale(seconds(first), seconds(last))
    first, last = first.astimezone(UTC), last.astimezone(UTC)
    for step in _STEPS:
        if (last - first) / step <= count:
            moments = list(_every(first, last, step))
            short = step < 24 * _HOUR
            return [Tick(scale.at(seconds(one)) / 10, _short(one) if short else _day(one)) for one in moments]
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    step_months = next((step for step in _MONTH_STEPS if months / step <= count), _MONTH_STEPS[-1])
    return [
        Tick(scale.at(seconds(one)) / 10, str(one.year) if step_months >= _YEAR else month(one))
        for one in _every_months(first, last, step_months)
    ]


def month(moment: datetime) -> str:
    """Such as `Mar 2024`, whatever the locale."""
    return f"{_MONTHS[moment.month - 1]} {moment.year}"


def month_names() -> tuple[str, ...]:
    """The months' names in English, whatever the locale."""
    return _MONTHS


def _day(moment: datetime) -> str:
    return f"{moment.day} {_MONTHS[moment.month - 1]}"


def _short(moment: datetime) -> str:
    return _day(moment) if moment.hour == 0 else f"{moment:%H:%M}"


def _every(first: datetime, last: datetime, step: timedelta) -> Iterator[datetime]:
    """Multiples of the step since a Monday at midnight."""
    origin = datetime(1970, 1, 5, tzinfo=UTC)
    moment = origin + ceil((first - origin) / step) * step
    while moment <= last:
        yield moment
        moment += step


def _every_months(first: datetime, last: datetime, step: int) -> Iterator[datetime]:
    number = first.year * 12 + first.month - 1
    number = -(-number // step) * step
    while True:
        moment = datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)
        if moment > last:
            return
        if moment >= first:
            yield moment
        number += step
