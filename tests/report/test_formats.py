"""How numbers and times are written."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from atb_db.report import formats
from atb_db.report.formats import MINUS


@pytest.mark.parametrize(
    ("size", "digits"), [("10000", 2), ("1000000", 2), ("1000", 2), ("100", 3), ("1", 5), ("0.01", 7), ("0", 2)]
)
def test_amounts_have_the_digits_that_matter(size: str, digits: int) -> None:
    assert formats.digits_for(Decimal(size)) == digits


def test_numbers_have_their_sign_and_no_more() -> None:
    assert formats.amount(Decimal("-1234.567"), 2) == f"{MINUS}1,234.57"
    assert formats.amount(Decimal("1234.567"), 2, plus=True) == "+1,234.57"
    assert formats.amount(Decimal(0), 2, plus=True) == "0.00"
    assert formats.percent(Decimal("0.1234"), 1) == "12.3 %"
    assert formats.plain(Decimal("1E-5")) == "0.00001"
    assert formats.count(-1234) == f"{MINUS}1,234"


def test_what_does_not_exist_is_a_dash() -> None:
    assert {
        formats.amount(None, 2), formats.percent(None), formats.plain(None), formats.ratio(None), formats.length(None),
        formats.day(None), formats.minute(None),
    } == {formats.NOTHING}  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-5, f"{MINUS}5"),
        (12500, "12.5k"),
        (1500000, "1.5M"),
        (0.0002, "0.0002"),
        (9500, "9500"),
        (2e9, "2G"),
        (5e14, "500T"),
        (-1.2e17, f"{MINUS}1.2e17"),
    ],
)
def test_ticks_are_short(value: float, text: str) -> None:
    assert formats.compact(value) == text


@pytest.mark.parametrize(
    ("hours", "text"), [("72", "3.0 d"), ("47.9", "47.9 h"), ("0.5", "30.0 min"), ("0.005", "18.0 s"), ("0", "0.0 s")]
)
def test_lengths_are_in_the_largest_unit(hours: str, text: str) -> None:
    assert formats.length(Decimal(hours)) == text


def test_times_are_utc() -> None:
    moment = datetime(2024, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert (formats.day(moment), formats.minute(moment)) == ("2024-02-29", "2024-02-29 23:30")
