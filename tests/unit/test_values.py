"""What callers pass becomes exact, or is refused by name."""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from uuid import NAMESPACE_DNS, UUID, uuid5

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import atb_db
from atb_db.documents import _plain, _quick_json, _slow_json, to_json
from atb_db.errors import InvalidInput
from atb_db.types import PositionSide
from atb_db.values import (
    REQUEST_NAMESPACE,
    Coerce,
    new_request_id,
    request_id_of,
    to_bool,
    to_decimal,
    to_int,
    to_label,
    to_span,
    to_text,
    to_time,
    to_uuid,
)


class ForeignSide(Enum):
    LONG = "LONG"


class ForeignNumberedSide(Enum):
    SHORT = 2


class Mood(StrEnum):
    GOOD = "good"


class Heading(str, Enum):  # noqa: UP042  what StrEnum was before there was one, and prints itself otherwise
    NORTH = "north"


class Level(IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, "1"),
        (0.1, "0.1"),
        ("0.10", "0.10"),
        (" 7 ", "7"),
        (Decimal("1e-12"), "1e-12"),
        (np.float64(0.1), "0.1"),
        (np.float32(0.1), "0.1"),
        (np.int64(5), "5"),
        (10**25, "10000000000000000000000000"),
    ],
    ids=repr,
)
def test_numbers(value: object, number: str) -> None:
    assert to_decimal("x", value) == Decimal(number)


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("Infinity"),
        np.float64("nan"),
        np.float32("inf"),
        "NaN",
        "one",
        "",
        True,
        None,
        [1],
        np.array([1.0]),
        np.array([1.0, 2.0]),
        1j,
        pd.NA,
        pd.NaT,
    ],
    ids=repr,
)
def test_no_numbers(value: object) -> None:
    with pytest.raises(InvalidInput) as refusal:
        to_decimal("price", value)
    assert refusal.value.field == "price"


@pytest.mark.parametrize("value", [5, np.int64(5), np.uint8(5)], ids=repr)
def test_whole_numbers(value: object) -> None:
    assert type(to_int("x", value)) is int


@pytest.mark.parametrize("value", [True, np.True_, 5.0, np.float64(5), "5", None, Decimal(5)], ids=repr)
def test_no_whole_numbers(value: object) -> None:
    with pytest.raises(InvalidInput):
        to_int("x", value)


def test_booleans() -> None:
    assert to_bool("x", True) is True
    assert to_bool("x", np.False_) is False
    for value in (1, "true", None):
        with pytest.raises(InvalidInput):
            to_bool("x", value)


def test_times_are_utc() -> None:
    local = datetime(2024, 6, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    assert to_time("x", local) == local
    assert to_time("x", local).tzinfo is UTC
    stamp = to_time("x", pd.Timestamp("2024-06-01T12:00:00.123456789Z"))
    assert type(stamp) is datetime
    assert stamp == datetime(2024, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        datetime(2024, 1, 1),  # noqa: DTZ001
        pd.NaT,
        pd.Timestamp("2024-01-01"),
        np.datetime64("2024-01-01"),
        "2024-01-01T00:00:00Z",
        date(2024, 1, 1),
        1704067200,
        datetime.max.replace(tzinfo=timezone(-timedelta(hours=5))),
    ],
    ids=repr,
)
def test_no_times(value: object) -> None:
    with pytest.raises(InvalidInput) as refusal:
        to_time("entry_time", value)
    assert refusal.value.field == "entry_time"


@pytest.mark.parametrize("value", ["long", " Long ", "LONG", ForeignSide.LONG, PositionSide.LONG], ids=repr)
def test_labels(value: object) -> None:
    assert to_label(PositionSide)("side", value) is PositionSide.LONG


def test_a_foreign_enum_by_name() -> None:
    assert to_label(PositionSide)("side", ForeignNumberedSide.SHORT) is PositionSide.SHORT


@pytest.mark.parametrize("value", ["BUY", "", 1, None, Mood.GOOD], ids=repr)
def test_unknown_labels_list_the_known(value: object) -> None:
    with pytest.raises(InvalidInput, match="one of LONG, SHORT"):
        to_label(PositionSide)("side", value)


@pytest.mark.parametrize("value", ["a\0b", "\ud800", 5, None, b"x"], ids=repr)
def test_no_texts(value: object) -> None:
    with pytest.raises(InvalidInput):
        to_text("symbol", value)


def test_text_is_kept() -> None:
    assert to_text("x", "Ω'; DROP TABLE trades; --") == "Ω'; DROP TABLE trades; --"


def test_uuids() -> None:
    assert to_uuid("x", str(UUID(int=7))) == UUID(int=7)
    with pytest.raises(InvalidInput):
        to_uuid("x", "seven")


def test_json_keeps_what_it_can_say() -> None:
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    document = {
        "decimal": Decimal("0.1"),
        "time": moment,
        "nan": math.nan,
        "inf": [np.float64("inf"), Decimal("NaN")],
        "numpy": [np.float64(1.5), np.int64(2), np.bool_(True), np.array([[1, 2]])],
        "uuid": UUID(int=1),
        "enum": [Mood.GOOD, ForeignNumberedSide.SHORT],
        "nat": pd.NaT,
        "set": {1},
        "none": None,
        "text": "ü",
        1: "number key",
    }
    assert json.loads(to_json("details", document)) == {
        "decimal": "0.1",
        "time": "2024-01-01T00:00:00+00:00",
        "nan": None,
        "inf": [None, None],
        "numpy": [1.5, 2, True, [[1, 2]]],
        "uuid": str(UUID(int=1)),
        "enum": ["good", 2],
        "nat": None,
        "set": [1],
        "none": None,
        "text": "ü",
        "1": "number key",
    }


def circle() -> list[object]:
    items: list[object] = []
    items.append(items)
    return items


@pytest.mark.parametrize(
    "value",
    [{"x": object()}, {"x": "\ud800"}, {"x": "a\0"}, "text", 5, {"x": "y" * 1024 * 1024}, circle(), {"x": b"bytes"}],
    ids=lambda value: repr(value)[:20],
)
def test_json_that_cannot_be_stored(value: object) -> None:
    with pytest.raises(InvalidInput) as refusal:
        to_json("details", value)
    assert refusal.value.field == "details"
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(
    "coerce", [to_decimal, to_span, to_int, to_bool, to_text, to_time, to_uuid, to_label(PositionSide)]
)
def test_refusals_are_short(coerce: Coerce) -> None:
    with pytest.raises(InvalidInput) as refusal:
        coerce("x", ["y" * 5000])
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(
    "other",
    [None, 0.5, np.float64(0.5), math.nan, Decimal(1), OrderedDict(a=1), {2: 1, 10: 2}, 2**70, "\\u0000"],
    ids=repr,
)
def test_a_label_in_json_is_the_same_whatever_is_beside_it(other: object) -> None:
    document = {"label": Heading.NORTH, "level": Level.HIGH, Heading.NORTH: "a key", "mood": Mood.GOOD, "other": other}
    text = to_json("details", document)
    assert text.startswith('{"label":"north","level":3,"mood":"good","north":"a key","other":')


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
    | st.sampled_from([Heading.NORTH, Level.HIGH, Mood.GOOD]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abü\\"), inner),
)


@given(st.lists(PLAIN, max_size=5))
@settings(max_examples=50, deadline=None)
def test_json_that_is_looked_through_is_the_same_text(document: list[object]) -> None:
    """Or a request would have another hash for what is beside a value."""
    assert _quick_json(document) in {None, _slow_json(_plain(document, "details"))}


def test_the_texts_of_numbers_in_json() -> None:
    """They are part of a request's hash: were they to change, a repeated request would be refused as another one."""
    numbers = [1.0, -0.0, 0.1, 5e-05, 1e-07, 1e16, 1e22, 123456789012345.67, 5e-324, 1.7976931348623157e308, 2**63]
    assert to_json("details", numbers) == (
        "[1.0,-0.0,0.1,0.00005,1e-7,1e+16,1e+22,123456789012345.67,5e-324,1.7976931348623157e+308,9223372036854775808]"
    )


def test_request_ids_grow_and_are_version_7() -> None:
    ids = [new_request_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert {(one.version, one.variant) for one in ids} == {(7, "specified in RFC 4122")}
    milliseconds = [one.int >> 80 for one in ids]
    assert milliseconds == sorted(milliseconds)


@pytest.mark.parametrize(
    ("span", "seconds"),
    [
        (timedelta(minutes=1), "60"),
        (timedelta(microseconds=1), "0.000001"),
        (timedelta(days=-1, microseconds=1), "-86399.999999"),
        (timedelta.max, "86399999999999.999999"),
        (pd.Timedelta("1min"), "60"),
        (0.1, "0.1"),
        ("604800", "604800"),
    ],
    ids=repr,
)
def test_a_span_is_a_timedelta_or_seconds(span: object, seconds: str) -> None:
    assert to_span("lease", span) == Decimal(seconds)


@pytest.mark.parametrize("nonsense", [pd.NaT, math.nan, "1h", True, np.timedelta64("NaT", "s")], ids=repr)
def test_what_is_no_span_is_refused_by_name(nonsense: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        to_span("lease", nonsense)
    assert caught.value.field == "lease"


def test_a_text_of_yours_stands_for_the_same_request_for_ever() -> None:
    first = request_id_of("engine-1: entry of 2024-03-01T09:00Z")
    assert first == request_id_of("engine-1: entry of 2024-03-01T09:00Z")
    # Were this to change, an engine that is upgraded would do again what it has done.
    assert first == UUID("788e479a-605e-59ae-a619-02a5df535e07")
    assert first.version == 5
    assert first != request_id_of("engine-1: entry of 2024-03-01T10:00Z")
    assert uuid5(NAMESPACE_DNS, "atb_db.request_id_of") == REQUEST_NAMESPACE
    for nonsense in ("", "\0", "\ud800", 7):
        with pytest.raises(InvalidInput) as caught:
            request_id_of(nonsense)  # type: ignore[arg-type]
        assert caught.value.field == "text"


def test_request_id_of_is_public() -> None:
    assert atb_db.request_id_of is request_id_of
