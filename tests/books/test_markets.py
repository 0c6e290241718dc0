"""When markets are open: compared with an independent computation, over changes of the clock and midnight."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from atb_db import Database
from atb_db.errors import InvalidInput, NotFound
from atb_db.repository import markets

WORKDAYS = [1, 2, 3, 4, 5]
NYSE = {"timezone": "America/New_York", "open_time": "09:30", "close_time": "16:00", "days_of_week": WORKDAYS}
CME = {"timezone": "America/Chicago", "open_time": "17:00", "close_time": "16:00", "days_of_week": [7, 1, 2, 3, 4]}


def is_open(db: Database, at: datetime, **market: object) -> bool:
    with db.transaction() as transaction:
        transaction.run(markets.define_market_session.value({"name": "market", **market}))
        return transaction.run(markets.is_market_open(name="market", at=at))


def local(zone: str, text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2024-03-08 09:29:59", False),
        ("2024-03-08 09:30", True),
        ("2024-03-08 15:59:59.999999", True),
        ("2024-03-08 16:00", False),
        ("2024-03-09 12:00", False),  # Saturday; the clock goes forward in the night to Sunday
        ("2024-03-11 09:29", False),
        ("2024-03-11 09:30", True),
        ("2024-11-01 09:30", True),  # and back in the night to Sunday
        ("2024-11-04 09:30", True),
        ("2024-11-04 08:30", False),
    ],
)
def test_a_day_session(db: Database, moment: str, *, expected: bool) -> None:
    assert is_open(db, local("America/New_York", moment), **NYSE) is expected


def test_the_same_hour_in_utc_is_open_in_summer_and_closed_in_winter(db: Database) -> None:
    assert is_open(db, datetime(2024, 7, 1, 13, 45, tzinfo=UTC), **NYSE)
    assert not is_open(db, datetime(2024, 1, 8, 13, 45, tzinfo=UTC), **NYSE)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2024-03-10 16:59", False),  # Sunday, before it opens for the week
        ("2024-03-10 17:00", True),
        ("2024-03-11 00:00", True),
        ("2024-03-11 15:59", True),
        ("2024-03-11 16:30", False),  # the daily break
        ("2024-03-11 17:00", True),
        ("2024-03-15 15:59", True),  # Friday, opened on Thursday
        ("2024-03-15 17:00", False),
        ("2024-03-16 03:00", False),
    ],
)
def test_an_overnight_session(db: Database, moment: str, *, expected: bool) -> None:
    assert is_open(db, local("America/Chicago", moment), **CME) is expected


def test_a_session_that_ends_in_the_hour_that_comes_twice_does_not_open_again(db: Database) -> None:
    market = {"timezone": "America/New_York", "open_time": "18:00", "close_time": "01:30", "days_of_week": [6]}
    moments = [("00:59", 0), ("01:15", 0), ("01:45", 0), ("01:15", 1), ("01:45", 1), ("02:00", 0)]
    found = [is_open(db, local("America/New_York", f"2024-11-03 {at}", fold), **market) for at, fold in moments]
    assert found == [True, True, True, True, False, False]


def test_a_session_that_opens_at_a_time_that_is_skipped(db: Database) -> None:
    market = {"timezone": "America/New_York", "open_time": "02:30", "close_time": "10:00", "days_of_week": [7]}
    found = [is_open(db, local("America/New_York", f"2024-03-10 {at}"), **market) for at in ("01:59", "03:29", "03:30")]
    assert found == [False, False, True]


def test_a_market_that_never_closes(db: Database) -> None:
    crypto = {"timezone": "UTC", "days_of_week": [1, 2, 3, 4, 5, 6, 7], "is_24h": True}
    for hours in range(0, 24 * 8, 5):
        assert is_open(db, datetime(2024, 3, 1, tzinfo=UTC) + timedelta(hours=hours), **crypto)
    weekdays = {**crypto, "days_of_week": WORKDAYS, "timezone": "Asia/Tokyo"}
    assert is_open(db, local("Asia/Tokyo", "2024-03-08 23:59:59"), **weekdays)
    assert not is_open(db, local("Asia/Tokyo", "2024-03-09 00:00"), **weekdays)
    assert is_open(db, local("Asia/Tokyo", "2024-03-11 00:00"), **weekdays)


def test_an_unknown_market_is_not_closed_but_not_found(fresh_db: Database) -> None:
    for defined in (False, True):
        if defined:
            fresh_db.run(markets.define_market_session(name="NYSE", **NYSE))  # type: ignore[arg-type]
        with pytest.raises(NotFound, match="market NYSX is not defined") as caught:
            fresh_db.run(markets.is_market_open(name="NYSX"))
        assert caught.value.field == "name"


def test_markets_are_defined_once_and_can_be_defined_anew(fresh_db: Database) -> None:
    for _ in range(2):
        fresh_db.run(markets.define_market_session(name="NYSE", **NYSE))  # type: ignore[arg-type]
    assert fresh_db.run(markets.get_market_sessions()) == [
        markets.MarketSession("NYSE", "America/New_York", time(9, 30), time(16), WORKDAYS, is_24h=False)
    ]
    fresh_db.run(markets.define_market_session(name="NYSE", timezone="UTC", days_of_week=[6], is_24h=True))
    assert fresh_db.run(markets.get_market_sessions()) == [
        markets.MarketSession("NYSE", "UTC", None, None, [6], is_24h=True)
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"timezone": "America/Gotham"}, "timezone"),
        ({"timezone": "EST5EDT"}, "timezone"),
        ({"timezone": "+03"}, "timezone"),
        ({"open_time": "25:00"}, "open_time"),
        ({"open_time": "9:30"}, "open_time"),
        ({"close_time": "24:00"}, "close_time"),
        ({"close_time": None}, "open_time"),
        ({"is_24h": True}, "open_time"),
        ({"days_of_week": []}, "days_of_week"),
        ({"days_of_week": [0, 1]}, "days_of_week"),
        ({"days_of_week": [1, 8]}, "days_of_week"),
        ({"days_of_week": ["1"]}, "days_of_week"),
        ({"days_of_week": {"1": 2}}, "days_of_week"),
    ],
    ids=str,
)
def test_what_is_no_market(fresh_db: Database, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        fresh_db.run(markets.define_market_session(name="NYSE", **(NYSE | changes)))
    assert caught.value.field == field
    assert fresh_db.run(markets.get_market_sessions()) == []


ZONES = ["America/New_York", "Europe/London", "Australia/Sydney", "Asia/Kolkata", "UTC"]
TIMES = st.times().map(lambda moment: moment.replace(second=0, microsecond=0))


def moment_of(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """Of two readings of a wall clock, the later: after it went back, or as if it had not gone forward."""
    return max(datetime.combine(day, wall.replace(fold=fold), zone).astimezone(UTC) for fold in (0, 1))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    zone=st.sampled_from(ZONES),
    opening=TIMES,
    closing=TIMES,
    days=st.sets(st.integers(1, 7), min_size=1),
    at=st.datetimes(datetime(2015, 1, 1), datetime(2025, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
)
@example(
    zone=ZONES[0], opening=time(1, 30), closing=time(1, 30), days={6, 7}, at=datetime(2024, 11, 3, 5, 45, tzinfo=UTC)
)
@example(
    zone=ZONES[0], opening=time(2, 30), closing=time(2, 15), days={6, 7}, at=datetime(2024, 3, 10, 7, 20, tzinfo=UTC)
)
def test_any_session_at_any_moment(
    db: Database, *, zone: str, opening: time, closing: time, days: set[int], at: datetime
) -> None:
    there = ZoneInfo(zone)
    today = at.astimezone(there).date()
    expected = any(
        moment_of(day, opening, there) <= at < moment_of(day + timedelta(days=closing <= opening), closing, there)
        for day in (today + timedelta(days=offset) for offset in (-2, -1, 0, 1))
        if day.isoweekday() in days
    )
    found = is_open(
        db,
        at,
        timezone=zone,
        open_time=f"{opening:%H:%M}",
        close_time=f"{closing:%H:%M}",
        days_of_week=sorted(days),
    )
    assert found is expected
