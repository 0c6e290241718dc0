"""Lengths of time, as people write and read them: 90s, 15m, 1h, 7d."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

import typer

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PARTS: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])", re.IGNORECASE)
_LONGEST: Final = timedelta(days=36525)
_WHOLE: Final = re.compile(rf"(?:{_PARTS.pattern}\s*)+", re.IGNORECASE)


class Duration(timedelta):
    """A length of time that says itself as people write it, also as a default in `--help`."""

    def __str__(self) -> str:
        """Such as `90d`."""
        return shown_duration(self)


def parse_duration(text: str | timedelta) -> timedelta:
    """The length of time that `15m`, `1h30m` or `7d` says; more than zero, a century at the most.

    Raises:
        BadParameter: it says none.
    """
    if isinstance(text, timedelta):
        return text
    try:
        parts = _PARTS.findall(text) if _WHOLE.fullmatch(text.strip()) else []
        length = sum((timedelta(**{_UNITS[unit.lower()]: float(number)}) for number, unit in parts), timedelta())
    except OverflowError:
        length = timedelta()
    if not timedelta() < length <= _LONGEST:
        raise typer.BadParameter(f"{text[:40]!r} is no length of time such as 90s, 15m, 1h30m or 7d")
    return length


def shown_duration(length: timedelta) -> str:
    """The length in its two largest units, such as `1h 30m`; what is left is dropped."""
    if length < timedelta():
        return f"-{shown_duration(-length)}"
    if length < timedelta(seconds=10):
        return f"{length.total_seconds():.1f}s"
    rest, shown = int(length.total_seconds()), list[str]()
    for unit, seconds in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        number, rest = divmod(rest, seconds)
        if number or shown:
            shown.append(f"{number}{unit}")
    return " ".join(part for part in shown[:2] if part[:-1] != "0")
