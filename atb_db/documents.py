"""Conversion of documents to JSON text, ready to be stored: from whatever types Python and numpy have."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from datetime import time as time_of_day
from decimal import Decimal
from enum import Enum
from functools import singledispatch
from types import NoneType
from typing import Final
from uuid import UUID

import orjson

from atb_db.errors import InvalidInput, shortened
from atb_db.values import is_numpy, to_text

LARGEST_JSON: Final = 1024 * 1024


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


def quick_documents(values: Sequence[object]) -> Sequence[str] | None:
    """The texts that `to_json` makes of dicts and lists; None if one of them is not plain JSON, or may be too large."""
    parted: list[object] = [_PARTED] * (2 * len(values) - 1)
    parted[::2] = values
    try:
        lines = orjson.dumps(parted, None, _ORJSON_OPTIONS).decode()[1:-1]
    except orjson.JSONEncodeError:
        return None
    texts = lines.split(",\n,")
    return None if "\\u0000" in lines or 4 * max(map(len, texts)) > LARGEST_JSON else texts


def is_plain(text: str) -> bool:
    """Whether JSON has the text as it is, between quotes."""
    return text.isprintable() and '"' not in text and "\\" not in text


def to_json_texts(texts: Sequence[str]) -> Sequence[str]:
    """Texts as JSON writes them, with their quotes."""
    return quick_documents(texts) or list(map(_write_json, texts))


# A line break within a text is escaped. All at once: orjson takes a kilobyte for each result, which is slow to have.
_PARTED: Final = orjson.Fragment(b"\n")


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
    return tolist() if is_numpy(value) and tolist is not None else value


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
