"""How the report writes numbers, times and lengths of time; the exact value stands beside each of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from math import floor, log10
from typing import Final

MINUS: Final = "\N{MINUS SIGN}"
NOTHING: Final = "\N{EN DASH}"
"""In place of a figure that does not exist."""
_LEAST_DIGITS: Final = 2
_MOST_DIGITS: Final = 8
SHORT: Final = 6
"""Significant digits of a tick whose neighbours are not too near."""
_OF_A_FLOAT: Final = 15
_BEYOND: Final = 1e15
"""From here on a tick's number has an exponent."""
_A_PAIR: Final = 2
_WHOLE: Final = 5
"""Digits of an amount of the account's size, before and after the point together, beyond which cents say little."""


def digits_for(size: Decimal) -> int:
    """How many digits after the point amounts of an account of this size have: 2 of 10 000 USDT, 5 of 1 BTC."""
    magnitude = size.adjusted() if size else _WHOLE
    return max(_LEAST_DIGITS, min(_WHOLE - magnitude, _MOST_DIGITS))


def signed(text: str) -> str:
    """The number with a minus of the width of a plus."""
    return text.replace("-", MINUS, 1) if text.startswith("-") else text


def amount(value: Decimal | None, digits: int, *, plus: bool = False) -> str:
    """Such as `1,234.50`; with `plus`, gains have their sign, too."""
    if value is None:
        return NOTHING
    return signed(f"{value:+,.{digits}f}" if plus and value else f"{value:,.{digits}f}")


def percent(fraction: Decimal | None, digits: int = 2, *, plus: bool = False) -> str:
    """A fraction as percent, such as `12.34 %`."""
    if fraction is None:
        return NOTHING
    value = fraction * 100
    return signed(f"{value:+,.{digits}f} %" if plus and value else f"{value:,.{digits}f} %")


def plain(value: Decimal | None) -> str:
    """A price or quantity with all its digits, such as `0.00012`."""
    return NOTHING if value is None else signed(f"{value:,f}")


def compact(value: float, digits: int = SHORT) -> str:
    """A tick's number, such as `12.5k` or `0.002`, to so many significant digits."""
    if abs(value) >= _BEYOND:
        return signed(f"{value:.{digits}g}".replace("e+", "e"))
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return signed(f"{value / (1e3 if letter == 'k' else size):.{digits}g}{letter}")
    return signed(f"{value:.{digits}g}") if value else "0"


def digits_between(values: Sequence[float]) -> int:
    """How many significant digits tell equally distant ticks apart: more of 100 000.5 and 100 001 than of 10 and 20."""
    largest = max((abs(value) for value in values), default=0.0)
    if len(values) < _A_PAIR or not largest:
        return SHORT
    return max(SHORT, min(floor(log10(largest)) - floor(log10(values[1] - values[0])) + 2, _OF_A_FLOAT))


def count(number: int) -> str:
    """Such as `1,234`."""
    return signed(f"{number:,}")


def ratio(value: Decimal | None) -> str:
    """Such as `1.23`."""
    return NOTHING if value is None else signed(f"{value:,.2f}")


def length(hours: Decimal | None) -> str:
    """A number of hours in the largest unit that fits, such as `26.5 h` or `3.2 d`."""
    if hours is None:
        return NOTHING
    for unit, size in (("d", Decimal(48)), ("h", Decimal(1)), ("min", Decimal(1) / 60)):
        if hours >= size:
            return f"{hours / (24 if unit == 'd' else size):,.1f} {unit}"
    return f"{hours * 3600:,.1f} s"


def day(moment: datetime | None) -> str:
    """The UTC day, such as `2024-03-01`."""
    return NOTHING if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d}"


def minute(moment: datetime | None) -> str:
    """The UTC minute, such as `2024-03-01 09:30`."""
    return NOTHING if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def tone(value: Decimal | int | None) -> str:
    """gain, loss, or nothing for zero and for what does not exist; the page's colours are called so."""
    return "" if not value else "gain" if value > 0 else "loss"
