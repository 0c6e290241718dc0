"""Columns of a source as values: numbers, times, texts; what is not one of them speaks as a sentence."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from atb_db.importing.errors import Unfit
from atb_db.importing.plan import Row

_MOST_DIGITS: Final = 200
"""Before or behind the point: more than any market has, and few enough to compute with."""
_LEAST: Final = 100_000_000_000
"""Milliseconds: 1973. A smaller number counts something else, such as seconds."""
_MOST: Final = 10**14
"""Milliseconds: 5138. A larger one counts microseconds or nanoseconds."""
_NUMERIC: Final = re.compile(r"\d{9,}(?:\.\d*)?")
_WITH_THOUSANDS: Final = re.compile(r"[+-]?\d{1,3}(?:(?:,\d{3})+\.\d*|(?:,\d{3}){2,})")


def number(row: Row, name: str) -> Decimal:
    """A finite number.

    Raises:
        Unfit: there is none.
    """
    found = number_or_none(row, name)
    if found is None:
        raise Unfit(f"{name} is missing")
    return found


def number_or_none(row: Row, name: str) -> Decimal | None:
    """A finite number, or None for nothing; thousands separators are taken out.

    Raises:
        Unfit: it is no finite number, or its comma may as well be a decimal one: 1,5 is not 15, and 12,000 may be 12.
    """
    value = row.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        raise Unfit(f"{name} is no number: {value}")
    written = str(value).strip()
    if "_" in written:
        raise Unfit(f"{name} is no number: {written[:40]!r}")
    if "," in written:
        if not _WITH_THOUSANDS.fullmatch(written):
            raise Unfit(f"{name} is {written[:40]!r}: numbers have a decimal point, and no comma without one")
        written = written.replace(",", "")
    try:
        # A float's shortest text is what was written; its exact value is not.
        found = value if isinstance(value, Decimal) else Decimal(written)
    except InvalidOperation:
        raise Unfit(f"{name} is no number: {str(value)[:40]!r}") from None
    if not found.is_finite():
        raise Unfit(f"{name} is {found}")
    if found and not (abs(found.adjusted()) <= _MOST_DIGITS and int(found.as_tuple().exponent) >= -_MOST_DIGITS):
        raise Unfit(f"{name} is {written[:40]}, which nothing can be computed with")
    return found


def text(row: Row, name: str) -> str:
    """A text that is not empty, or a number as it is written.

    Raises:
        Unfit: there is none.
    """
    if isinstance(value := row.get(name), dict | list | bytes | bool):
        raise Unfit(f"{name} is no text: {str(value)[:40]}")
    found = text_or_none(row, name)
    if found is None:
        raise Unfit(f"{name} is missing")
    return found


def text_or_none(row: Row, name: str) -> str | None:
    """A text without blanks at its ends; None for an empty one."""
    value = row.get(name)
    return (str(value).strip() or None) if value is not None else None


def object_or_none(row: Row, name: str) -> dict[str, object] | None:
    """An object of JSON; None for anything else."""
    value = row.get(name)
    return value if isinstance(value, dict) else None


def utc(row: Row, name: str) -> datetime:
    """A moment: ISO text or a datetime, UTC where it says no zone, or milliseconds since 1970.

    Raises:
        Unfit: there is none.
    """
    value = row.get(name)
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _from_milliseconds(name, value)
    written = text(row, name)
    if _NUMERIC.fullmatch(written):
        whole, _, part = written.partition(".")
        return _from_milliseconds(name, float(written) if part.strip("0") else int(whole))
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        raise Unfit(f"{name} is no time: {written[:40]!r}") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def is_before(row: Row, name: str, moment: datetime | None) -> bool:
    """Whether it was before a moment; not without one, and not what is no time: that goes into quarantine."""
    try:
        return moment is not None and utc(row, name) < moment
    except Unfit:
        return False


def _from_milliseconds(name: str, value: float | Decimal) -> datetime:
    if not _LEAST <= value < _MOST:  # nor is NaN
        raise Unfit(f"{name} is no time: {str(value)[:40]}; numbers are milliseconds since 1970")
    return datetime.fromtimestamp(float(value) / 1000, UTC)
