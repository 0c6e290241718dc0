"""Conversion of arguments to stored values: exact numbers, UTC times, labels, valid text, plain JSON."""

from __future__ import annotations

import json
import math
import operator
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import singledispatch
from types import NoneType
from typing import Final, TypeVar
from uuid import UUID, uuid5

import orjson

from atb_db.errors import InvalidInput, shortened

LARGEST_JSON: Final = 1024 * 1024
_TOO_LARGE: Final = 2**63

Coerce = Callable[[str, object], object]
"""Takes a field's name and a value; returns what is stored or raises InvalidInput that names the field."""

E = TypeVar("E", bound=Enum)


def to_decimal(field: str, value: object) -> Decimal:
    """The exact number: `Decimal(str(value))`, finite."""
    kind = type(value)
    if type(value) is Decimal:
        number = value
    elif kind is float:
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


def _is_numpy(value: object) -> bool:
    return type(value).__module__ == "numpy"


def _is_numpy_bool(value: object) -> bool:
    return _is_numpy(value) and type(value).__name__ in {"bool", "bool_"}


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


def to_time(field: str, value: object) -> datetime:
    """The moment in UTC; a datetime without a time zone is refused."""
    if not isinstance(value, datetime):
        raise InvalidInput(f"must be a datetime with a time zone, not {shortened(value)}", field=field)
    if value != value:  # noqa: PLR0124  pandas' NaT is a datetime that equals nothing
        raise InvalidInput("must be a moment in time, not NaT", field=field)
    if type(value) is datetime and value.tzinfo is UTC:
        return value
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


class JsonText(str):
    """A JSON document as text, ready to be stored."""

    __slots__ = ()


def to_json(field: str, value: object) -> JsonText:
    """The document as compact JSON text; NaN and Infinity become null, Decimals and times become strings."""
    if isinstance(value, JsonText):
        return value
    kind = type(value)
    if isinstance(value, str) or not (
        kind is dict or kind is list or isinstance(_unwrapped(value), (Mapping, Sequence))
    ):
        raise InvalidInput(f"must be a JSON object or array, not {shortened(value)}", field=field)
    try:
        text = _quick_json(value) or _slow_json(_plain(value, field))
        size = len(text) if text.isascii() else len(text.encode())
    except RecursionError:
        raise InvalidInput("is nested too deeply or contains itself", field=field) from None
    except InvalidInput:
        raise
    except ValueError:
        raise InvalidInput("contains a whole number of too many digits", field=field) from None
    if size > LARGEST_JSON:
        raise InvalidInput(f"is {size} bytes of JSON; at most {LARGEST_JSON} can be stored", field=field)
    return JsonText(text)


class RowsText(str):
    """Rows as the text of a JSON array of objects, every value in it as text, ready to be sent."""

    __slots__ = ()


def to_rows(row_type: type, fields: Sequence[tuple[str, bool, Coerce]]) -> Callable[[str, object], RowsText]:
    """A conversion of rows of a NamedTuple; a field is its name, whether it may be None, and its own conversion.

    The resulting text is accepted, too, as a journal keeps it; the server checks its values.
    """
    names = {field for field, _, _ in fields}

    def coerce(name: str, value: object) -> RowsText:
        if isinstance(value, RowsText):
            return value
        if isinstance(value, str) and _is_rows(value, names):
            return RowsText(value)
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise InvalidInput(f"must be a sequence of {row_type.__name__}, not {shortened(value)}", field=name)
        return RowsText(_slow_json([plain(f"{name}[{number}]", row) for number, row in enumerate(value)]))

    def plain(name: str, row: object) -> dict[str, str]:
        if not isinstance(row, row_type):
            raise InvalidInput(f"must be a {row_type.__name__}, not {shortened(row)}", field=name)
        texts = {}
        for (field, optional, make), value in zip(fields, row, strict=True):  # type: ignore[call-overload]  # a tuple
            if value is not None or not optional:
                try:
                    texts[field] = str(make(field, value))
                except InvalidInput as error:
                    error.field = f"{name}.{field}"
                    raise
        return texts

    return coerce


def _is_rows(text: str, names: AbstractSet[str]) -> bool:
    try:
        rows = json.loads(text)
    except ValueError:
        return False
    return isinstance(rows, list) and all(
        isinstance(row, dict) and row.keys() <= names and all(isinstance(cell, str) for cell in row.values())
        for row in rows
    )


# What is not plain is left to us.
_ORJSON_OPTIONS: Final = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_DATACLASS
)
_write_json: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode


def _quick_json(value: object) -> str | None:
    """The document if JSON has all its types; None if it must be converted first."""
    try:
        text = orjson.dumps(value, option=_ORJSON_OPTIONS).decode()
    except orjson.JSONEncodeError:
        return None
    return None if "\\u0000" in text else text


def _slow_json(plain: object) -> str:
    """The JSON of a converted document; numbers may exceed 64 bits, and levels 254."""
    return _quick_json(plain) or _write_json(plain)


def _unwrapped(value: object) -> object:
    # numpy's arrays and scalars know their plain equivalent.
    tolist = getattr(value, "tolist", None)
    return tolist() if _is_numpy(value) and tolist is not None else value


@singledispatch
def _plain(value: object, field: str) -> object:
    """The value in types that JSON has."""
    if (plain := _unwrapped(value)) is not value:
        return _plain(plain, field)
    raise InvalidInput(f"contains {shortened(value)}, which has no JSON form", field=field)


@_plain.register(bool)
@_plain.register(NoneType)
def _(value: object, _field: str) -> object:
    return value


@_plain.register
def _(value: str, field: str) -> object:
    # Not str(value), which of a label that is text and Enum at once is its name.
    return _plain(value.value, field) if isinstance(value, Enum) else to_text(field, str.__str__(value))


@_plain.register
def _(value: int, field: str) -> object:
    return _plain(value.value, field) if isinstance(value, Enum) else int(value)


@_plain.register
def _(value: float, field: str) -> object:
    if isinstance(value, Enum):
        return _plain(value.value, field)
    return float(value) if math.isfinite(value) else None


@_plain.register
def _(value: Decimal, _field: str) -> object:
    return str(value) if value.is_finite() else None


@_plain.register(date)
@_plain.register(time_of_day)
def _(value: date | time_of_day, _field: str) -> object:
    return value.isoformat() if value == value else None  # noqa: PLR0124  NaT equals nothing


@_plain.register
def _(value: UUID, _field: str) -> object:
    return str(value)


@_plain.register
def _(value: Enum, field: str) -> object:
    return _plain(value.value, field)


@_plain.register(Mapping)
def _(value: Mapping[object, object], field: str) -> object:
    return {_key(key, field): _plain(item, field) for key, item in value.items()}


@_plain.register(list)
@_plain.register(tuple)
@_plain.register(AbstractSet)
def _(value: Iterable[object], field: str) -> object:
    return [_plain(item, field) for item in value]


def _key(key: object, field: str) -> str:
    plain = _plain(key, field)
    return plain if isinstance(plain, str) else json.dumps(plain)


def new_request_id() -> UUID:
    """A new UUID version 7 (RFC 9562): its leading 48 bits are the time, so indexes of it grow at one end."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    return UUID(int=(milliseconds << 80 | random) & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62)


REQUEST_NAMESPACE: Final = UUID("d683cd21-d21d-5298-8ef2-4d10d30c6873")
"""Namespace of what `request_id_of` makes, itself `uuid5(NAMESPACE_DNS, "atb_db.request_id_of")`; it never changes."""


def request_id_of(text: str) -> UUID:
    """The request_id that stands for a text of yours: always the same (UUID version 5 in `REQUEST_NAMESPACE`).

    For what happens once, whoever asks for it and however often: an engine that died and starts again names its act as
    before, such as `request_id_of("engine-1: entry signal of 2024-03-01T09:00Z BTCUSDT")`, and it is the same act, of
    which the first attempt's result comes back. Other content under the same id is an IdempotencyConflict.

    Raises:
        InvalidInput: the text is empty, or no text.
    """
    if not to_text("text", text):
        raise InvalidInput("must not be empty", field="text")
    return uuid5(REQUEST_NAMESPACE, text)
