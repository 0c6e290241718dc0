"""Conversion of arguments to stored values: exact numbers, UTC times, labels, valid text; and request_ids."""

from __future__ import annotations

import operator
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Final, TypeVar
from uuid import UUID, uuid5

from atb_db.errors import InvalidInput, shortened

_TOO_LARGE: Final = 2**63

Coerce = Callable[[str, object], object]
"""Takes a field's name and a value; returns what is stored or raises InvalidInput that names the field."""

E = TypeVar("E", bound=Enum)


def to_decimal(field: str, value: object) -> Decimal:
    """The exact number: `Decimal(str(value))`, finite."""
    if type(value) is Decimal:
        number = value
    elif type(value) is float:
        number = Decimal(repr(value))
    elif type(value) is int:
        number = Decimal(value)
    elif isinstance(value, bool) or not (isinstance(value, (int, float, str, Decimal)) or _is_scalar(value)):
        raise InvalidInput(f"must be a number, not {shortened(value)}", field=field)
    else:
        try:
            number = Decimal(str(value).strip())
        except InvalidOperation:
            raise InvalidInput(f"must be a number, not {shortened(value)}", field=field) from None
    if not number.is_finite():
        raise InvalidInput(f"must be a finite number, not {number}", field=field)
    return number


_MICROSECOND: Final = Decimal("0.000001")


def to_span(field: str, value: object) -> Decimal:
    """The span in seconds, exactly: of a timedelta, or of a number of seconds."""
    if not isinstance(value, timedelta):
        return to_decimal(field, value)
    if value != value:  # noqa: PLR0124  pandas' NaT is a timedelta, too, and equals nothing
        raise InvalidInput("must be a span of time, not NaT", field=field)
    return Decimal(value // timedelta(microseconds=1)) * _MICROSECOND


def _is_scalar(value: object) -> bool:
    # numpy's scalars; an ndarray has __float__ too, but a shape with it.
    return hasattr(value, "__float__") and hasattr(value, "dtype") and getattr(value, "shape", None) == ()


def to_int(field: str, value: object) -> int:
    """The whole number of 64 bits; numpy's integers are accepted, bool and fractions refused."""
    if type(value) is int and -_TOO_LARGE <= value < _TOO_LARGE:
        return value
    if isinstance(value, bool) or _is_numpy_bool(value):
        raise InvalidInput(f"must be a whole number, not {shortened(value)}", field=field)
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # raises TypeError
    except TypeError:
        raise InvalidInput(f"must be a whole number, not {shortened(value)}", field=field) from None
    if not -_TOO_LARGE <= number < _TOO_LARGE:
        raise InvalidInput(f"is too large for a whole number: {shortened(value)}", field=field)
    return number


def to_bool(field: str, value: object) -> bool:
    """True or False; numpy's booleans are accepted, everything else is refused."""
    if value is True or value is False:
        return value
    if _is_numpy_bool(value):
        return bool(value)
    raise InvalidInput(f"must be True or False, not {shortened(value)}", field=field)


def is_numpy(value: object) -> bool:
    """Whether it is of numpy, which need not be installed."""
    return type(value).__module__ == "numpy"


def _is_numpy_bool(value: object) -> bool:
    return is_numpy(value) and type(value).__name__ in {"bool", "bool_"}


def to_text(field: str, value: object) -> str:
    """The text, which must be encodable as UTF-8 and free of NUL."""
    if not isinstance(value, str):
        raise InvalidInput(f"must be text, not {shortened(value)}", field=field)
    if "\0" in value:
        raise InvalidInput("must not contain NUL", field=field)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidInput("contains half of a surrogate pair, which is not a character", field=field) from None
    return value


def is_storable(text: str) -> bool:
    """Whether `to_text` takes the text as it is."""
    if "\0" in text:
        return False
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def to_time(field: str, value: object) -> datetime:
    """The moment in UTC; a datetime without a time zone is refused."""
    if type(value) is datetime and value.tzinfo is UTC:
        return value
    if not isinstance(value, datetime):
        raise InvalidInput(f"must be a datetime with a time zone, not {shortened(value)}", field=field)
    if value != value:  # noqa: PLR0124  pandas' NaT is a datetime that equals nothing
        raise InvalidInput("must be a moment in time, not NaT", field=field)
    if value.utcoffset() is None:
        raise InvalidInput(f"has no time zone: {shortened(value)}; use an aware datetime", field=field)
    try:
        in_utc = value.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(f"is out of range: {shortened(value)}", field=field) from None
    if type(in_utc) is not datetime:  # a pandas Timestamp carries nanoseconds
        in_utc = datetime.fromisoformat(in_utc.isoformat(timespec="microseconds"))
    return in_utc


def to_uuid(field: str, value: object) -> UUID:
    """The UUID, also from its text."""
    if isinstance(value, UUID):
        return value
    try:
        return UUID(to_text(field, value))
    except ValueError:
        raise InvalidInput(f"must be a UUID, not {shortened(value)}", field=field) from None


def to_label(labels: type[E]) -> Callable[[str, object], E]:
    """A conversion to a member of the enum, from a member, a label in any case, or another enum with an equal label."""
    by_label = {str(member.value): member for member in labels}

    def coerce(field: str, value: object) -> E:
        if type(value) is str and value in by_label:
            return by_label[value]
        if isinstance(value, labels):
            return value
        label = value
        if isinstance(label, Enum):
            label = label.value if isinstance(label.value, str) else label.name
        member = by_label.get(label.strip().upper()) if isinstance(label, str) else None
        if member is None:
            raise InvalidInput(f"must be one of {', '.join(by_label)}, not {shortened(value)}", field=field)
        return member

    return coerce


_VERSION_7: Final = 0x7 << 76 | 0x2 << 62
_UNMARKED: Final = ~(0xF << 76 | 0x3 << 62)


def new_request_id() -> UUID:
    """A new UUID version 7 (RFC 9562): its leading 48 bits are the time, so indexes of it grow at one end."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    return UUID(int=(milliseconds << 80 | random) & _UNMARKED | _VERSION_7)


REQUEST_NAMESPACE: Final = UUID("d683cd21-d21d-5298-8ef2-4d10d30c6873")
"""Namespace of what `request_id_of` makes, itself `uuid5(NAMESPACE_DNS, "atb_db.request_id_of")`; it never changes."""


def request_id_of(text: str) -> UUID:
    """The request_id that stands for a text of yours: always the same (UUID version 5 in `REQUEST_NAMESPACE`).

    For what happens once, however often it is asked for: an engine that died and starts again names its act as
    before, such as `request_id_of("engine-1: entry signal of 2024-03-01T09:00Z BTCUSDT")`, and it is the same act, of
    which the first attempt's result comes back. Other content under the same id is an IdempotencyConflict.

    Raises:
        InvalidInput: the text is empty, or no text.
    """
    if not to_text("text", text):
        raise InvalidInput("must not be empty", field="text")
    return uuid5(REQUEST_NAMESPACE, text)
