from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atb_db.admin.backup.retention import Retention, expired

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def test_those_of_the_last_days_are_kept() -> None:
    assert expired([ago(8), ago(1), ago(7.01), ago(6.99)], Retention(7), now=NOW) == [ago(8), ago(7.01)]


def test_the_newest_is_kept_however_old() -> None:
    assert expired([ago(400), ago(300)], Retention(1), now=NOW) == [ago(400)]
    assert expired([], Retention(1), now=NOW) == []


def test_one_in_the_future_is_neither_removed_nor_taken_for_the_newest() -> None:
    assert expired([ago(-1), ago(30), ago(20)], Retention(7), now=NOW) == [ago(30)]


def test_grandfathers_are_kept() -> None:
    hourly = [ago(hours / 24) for hours in range(24 * 400)]
    gone = set(expired(hourly, Retention(1, daily=3, weekly=4, monthly=12), now=NOW))
    kept = [time for time in hourly if time not in gone]
    assert kept[:24] == hourly[:24]
    assert [f"{time:%Y-%m-%d %H}" for time in kept[24:]] == [
        "2026-11-22 23",  # a day's, and a week's: a Sunday
        *("2026-11-15 23", "2026-11-08 23"),  # weeks'
        *(f"2026-{end} 23" for end in ("10-31", "09-30", "08-31", "07-31", "06-30", "05-31")),
        *(f"2026-{end} 23" for end in ("04-30", "03-31", "02-28", "01-31")),
        "2025-12-31 23",
    ]


@given(
    times=st.lists(st.integers(-40000, 4000).map(lambda hours: NOW + timedelta(hours=hours)), max_size=60),
    retention=st.builds(Retention, st.integers(1, 400), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
)
def test_whatever_there_is_the_newest_and_the_recent_stay(times: list[datetime], retention: Retention) -> None:
    gone = expired(times, retention, now=NOW)
    past = [time for time in times if time <= NOW]
    assert set(gone) <= set(past)
    assert gone == sorted(gone)
    if past:
        assert max(past) not in gone
    assert all(time <= NOW - timedelta(days=retention.days) for time in gone)
    rest = [time for time in times if time not in gone]
    assert expired(rest, retention, now=NOW) == []


@pytest.mark.parametrize("count", [1, 5])
def test_a_day_is_utcs(count: int) -> None:
    times = [datetime(2026, 11, day, hour, tzinfo=UTC) for day in range(10, 20) for hour in (1, 23)]
    gone = expired(times, Retention(1, daily=count), now=NOW)
    assert [time for time in times if time not in gone] == times[1::2][-count:]
