"""Counts, sizes, lengths of time and moments as people read them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PARTS: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])", re.IGNORECASE)
_WHOLE: Final = re.compile(rf"(?:{_PARTS.pattern}\s*)+", re.IGNORECASE)
_LONGEST: Final = timedelta(days=36525)


def first_line(text: str, *, most: int = 80) -> str:
    """The beginning of what may be a function's whole text."""
    line = text.partition("\n")[0]
    return line if line == text and len(line) <= most else f"{line[:most]}…"


def counted(number: int, noun: str) -> str:
    """Such as `1 session`, `1,000 rows` or `2 indexes`."""
    ending = "" if number == 1 else "es" if noun.endswith("x") else "s"
    return f"{number:,} {noun}{ending}"


def either(names: Sequence[str]) -> str:
    """Such as `a`, `a or b` or `a, b or c`."""
    return " or ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def shown_size(length: int) -> str:
    """A number of bytes in its largest decimal unit, such as `8.4 MB`."""
    from rich.filesize import decimal

    return decimal(length)


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


def shown_moment(moment: datetime) -> str:
    """The moment to the second, such as `2026-11-29 03:00:05 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def read_duration(text: str) -> timedelta | None:
    """The length that `15m`, `1h30m` or `7d` says; more than zero, a century at the most. None if it says none."""
    try:
        parts = _PARTS.findall(text) if _WHOLE.fullmatch(text.strip()) else []
        length = sum((timedelta(**{_UNITS[unit.lower()]: float(number)}) for number, unit in parts), timedelta())
    except OverflowError:
        return None
    return length if timedelta() < length <= _LONGEST else None


def read_moment(text: str, now: datetime) -> datetime:
    """The moment that a UTC day, a time with its offset, or a length of time before now says.

    Raises:
        ValueError: it says none, or not in which time zone; the message is for people.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        if (length := read_duration(text)) is not None:
            return now - length
        raise ValueError(
            f"{text[:40]!r} is no day, no time and no length of time: 2024-03-01, 2024-03-01T09:00Z, 90d"
        ) from None
    if moment.tzinfo is None:
        if "T" in text or " " in text.strip() or ":" in text:
            raise ValueError(f"{text[:40]!r} has no offset: append Z if it is UTC")
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)
