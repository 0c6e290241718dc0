"""What people read of counts, sizes and lengths of time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from atb_db.admin.readable import counted, shown_duration, shown_size


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (0, "session", "0 sessions"),
        (1, "session", "1 session"),
        (1, "index", "1 index"),
        (2, "index", "2 indexes"),
        (1000, "row", "1,000 rows"),
    ],
)
def test_nouns_follow_their_number(number: int, noun: str, text: str) -> None:
    assert counted(number, noun) == text


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0.0s"), (1.25, "1.2s"), (59.9, "59s"), (900, "15m"), (5430, "1h 30m"), (90061, "1d 1h"), (-60, "-1m")],
)
def test_lengths_are_shown_in_two_units(seconds: float, shown: str) -> None:
    assert shown_duration(timedelta(seconds=seconds)) == shown


@pytest.mark.parametrize(
    ("length", "shown"), [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (8_192, "8.2 kB"), (1_500_000, "1.5 MB")]
)
def test_sizes_are_shown_in_their_largest_unit(length: int, shown: str) -> None:
    assert shown_size(length) == shown
