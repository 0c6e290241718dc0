"""Where ticks stand."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from atb_db.report.scales import LENGTH, Scale, round_values, spanning, time_ticks

FIRST = datetime(2024, 1, 31, 22, 10, tzinfo=UTC)


@given(values=st.lists(st.floats(-1e9, 1e9), max_size=20), zero=st.booleans())
def test_a_scale_holds_every_value(values: list[float], *, zero: bool) -> None:
    scale = spanning(values, zero=zero)
    assert scale.low < scale.high
    assert all(0 <= scale.at(value) <= LENGTH for value in [*values, *([0.0] if zero else [])])


@example(low=879609.9999999999, length=1e-06, count=2)
@given(low=st.floats(-1e6, 1e6), length=st.floats(1e-6, 1e6), count=st.integers(2, 10))
def test_round_values_are_few_round_and_on_the_scale(low: float, length: float, count: int) -> None:
    scale = Scale(low, low + length)
    values = round_values(scale, count)
    assert len(values) <= count + 1
    # Next to large numbers floats are further apart than a millionth of a short scale.
    near = length * 1e-6 + 4 * math.ulp(abs(low) + length)
    assert all(low - near <= value <= low + length + near for value in values)


def test_zero_is_at_the_edge_when_nothing_is_beyond_it() -> None:
    assert spanning([1.0, 5.0], zero=True).low == 0
    assert spanning([-1.0, -5.0], zero=True).high == 0


@pytest.mark.parametrize(
    ("length", "labels"),
    [
        (timedelta(hours=5), ["23:00", "1 Feb", "01:00", "02:00", "03:00"]),
        (timedelta(days=2), ["1 Feb", "12:00", "2 Feb", "12:00"]),
        (timedelta(days=5), ["1 Feb", "2 Feb", "3 Feb", "4 Feb", "5 Feb"]),
        (timedelta(days=120), ["Feb 2024", "Mar 2024", "Apr 2024", "May 2024"]),
        (timedelta(days=4000), ["2026", "2028", "2030", "2032", "2034"]),
    ],
)
def test_times_are_round(length: timedelta, labels: list[str]) -> None:
    assert [tick.label for tick in time_ticks(FIRST, FIRST + length)] == labels


@given(st.integers(1, 10**9))
def test_ticks_of_time_are_few_and_inside(length: int) -> None:
    ticks = time_ticks(FIRST, FIRST + timedelta(seconds=length))
    assert len(ticks) <= 7
    assert all(0 <= tick.at <= 100 for tick in ticks)


def test_a_moment_has_no_ticks() -> None:
    assert time_ticks(FIRST, FIRST) == []
