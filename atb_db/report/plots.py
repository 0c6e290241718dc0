"""What a chart is made of: marks on a pair of axes from 0 to 1000; pure, and without any markup."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from atb_db.report import formats
from atb_db.report.scales import Scale, Tick, round_values


class Line(NamedTuple):
    """A line or, closed, an area; kind is its class."""

    path: str
    kind: str


class Bar(NamedTuple):
    """A rectangle that says its values."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


class Dot(NamedTuple):
    """A point that says its values."""

    x: float
    y: float
    kind: str
    title: str


class Plot(NamedTuple):
    """One pair of axes with what is drawn on them; alt says in words what is seen."""

    alt: str
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    shades: Sequence[Bar] = ()
    """Behind everything."""
    areas: Sequence[Line] = ()
    lines: Sequence[Line] = ()
    bars: Sequence[Bar] = ()
    dots: Sequence[Dot] = ()
    strips: Sequence[Bar] = ()
    """Before everything, and invisible until they are pointed at."""
    zero: float | None = None
    """Height of the line at zero, in percent from the top."""
    x_name: str = ""
    y_name: str = ""


def standing(left: float, width: float, values: Scale, value: Decimal, title: str) -> Bar:
    """A bar from zero up or down to the value."""
    zero, end = values.up(0), values.up(float(value))
    top, height = min(zero, end), max(round(abs(zero - end), 1), 1.0)
    return Bar(round(left, 1), top, round(width, 1), height, formats.tone(value) or "even", title)


def ticks_up(
    scale: Scale, number: int, *, percent: bool = False, factor: float = 100, whole: bool = False
) -> list[Tick]:
    """Ticks of an axis that begins at the bottom; fractions are shown as percent by the factor 100."""
    values = round_values(scale, number)
    if whole:
        values = [value for value in values if value == int(value)]
    texts = _labels(values, factor if percent else None)
    return [Tick(round(scale.up(value) / 10, 2), text) for value, text in zip(values, texts, strict=True)]


def ticks_across(scale: Scale, *, percent: bool = False, factor: float = 100) -> list[Tick]:
    """Ticks of an axis that begins at the left; otherwise as `ticks_up`."""
    values = round_values(scale, 6)
    texts = _labels(values, factor if percent else None)
    return [Tick(round(scale.at(value) / 10, 2), text) for value, text in zip(values, texts, strict=True)]


def _labels(values: list[float], percent_of: float | None) -> list[str]:
    """What ticks say: no two the same."""
    digits = formats.digits_between(values)
    if percent_of is None:
        return [formats.compact(value, digits) for value in values]
    return [f"{formats.compact(value * percent_of, digits)} %" for value in values]
