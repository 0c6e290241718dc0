"""Whatever the books hold, the charts are drawn inside their fields, and their words say it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from atb_db.report import distributions, over_time, plots
from atb_db.report.formats import MINUS
from atb_db.report.formats import NOTHING as DASH
from atb_db.report.over_time import MOST_BARS, MOST_STRIPS
from atb_db.report.plots import Plot
from atb_db.report.scales import Scale
from atb_db.repository.reports import Drawdown, EquityPoint, PeriodPnl
from atb_db.repository.tearsheet import DayEquity, Excursion, HoldingTime, PnlBucket

START = datetime(2024, 1, 1, tzinfo=UTC)
AMOUNTS = st.decimals(-(10**12), 10**12, places=8)
FRACTIONS = st.decimals(0, 100, places=8)
COUNTS = st.integers(0, 10**7)
MOMENTS = st.integers(0, 10**9).map(lambda number: START + timedelta(seconds=number))
POINTS = st.lists(st.builds(EquityPoint, MOMENTS, AMOUNTS, AMOUNTS, FRACTIONS), max_size=30).map(
    lambda points: sorted(points, key=lambda point: point.timestamp)
)
DRAWDOWNS = st.lists(
    st.builds(Drawdown, MOMENTS, MOMENTS, st.none() | MOMENTS, AMOUNTS, AMOUNTS, FRACTIONS), max_size=6
)
DAYS = st.lists(
    st.builds(
        DayEquity, MOMENTS, AMOUNTS, AMOUNTS, st.none() | st.decimals(-1, 50, places=12), st.none() | FRACTIONS,
        st.none() | FRACTIONS, st.none() | st.decimals(-99, 99, places=12),
    ),
    max_size=30,
).map(lambda days: sorted(days, key=lambda day: day.day))  # fmt: skip
PERIODS = st.lists(
    st.builds(PeriodPnl, MOMENTS, COUNTS, COUNTS, COUNTS, FRACTIONS, AMOUNTS, AMOUNTS, AMOUNTS), max_size=30
).map(lambda periods: sorted(periods, key=lambda period: period.period_start))
EXCURSIONS = st.lists(
    st.builds(Excursion, COUNTS, st.text(max_size=9), MOMENTS, FRACTIONS, FRACTIONS, AMOUNTS, AMOUNTS), max_size=30
)
HELD = [0, 60, 300, 900, 3600, 14400, 43200, 86400, 259200, 604800, 2592000]
HOLDING = st.lists(st.tuples(COUNTS, COUNTS, AMOUNTS), min_size=len(HELD), max_size=len(HELD)).map(
    lambda counts: [
        HoldingTime(start, end, won + lost, won, lost, net)
        for start, end, (won, lost, net) in zip(HELD, [*HELD[1:], None], counts, strict=True)
    ]
)


def buckets(numbers: Sequence[int], width: Decimal) -> list[PnlBucket]:
    return [
        PnlBucket(number * width, (number + 1) * width, 1 + number % 7, number * width, number * width, number * width)
        for number in sorted(set(numbers))
    ]


BUCKETS = st.builds(
    buckets, st.lists(st.integers(-45, 45), max_size=40), st.sampled_from([1, 2, 5]).flatmap(
        lambda digit: st.integers(-8, 9).map(lambda power: digit * Decimal(10) ** power)
    )
)  # fmt: skip


def numbers(plot: Plot) -> Iterator[float]:
    for line in (*plot.lines, *plot.areas):
        yield from map(float, re.findall(r"-?[\d.]+(?:e[+-]?\d+)?", line.path))
    for bar in (*plot.bars, *plot.shades, *plot.strips):
        yield from (bar.x, bar.y, bar.x + bar.width, bar.y + bar.height)
    for dot in plot.dots:
        yield from (dot.x, dot.y)
    for tick in (*plot.x_ticks, *plot.y_ticks):
        yield tick.at * 10


def assert_inside(plot: Plot | None) -> None:
    if plot is None:
        return
    assert all(math.isfinite(number) for number in numbers(plot))
    assert min(numbers(plot)) >= -1.5
    assert max(numbers(plot)) <= 1001.5
    assert all(bar.width > 0 and bar.height >= 0 for bar in (*plot.bars, *plot.strips))
    assert len(plot.strips) <= MOST_STRIPS + 2
    assert len(plot.bars) <= 2 * MOST_BARS
    assert len(plot.alt) > 30
    assert plot.alt.endswith(".")


@given(POINTS, DRAWDOWNS)
def test_equity_and_drawdown(points: list[EquityPoint], drawdowns: list[Drawdown]) -> None:
    assert_inside(over_time.equity_plot(points, drawdowns, 2))
    below = [point._replace(drawdown=min(point.drawdown, Decimal(2))) for point in points]
    assert_inside(over_time.drawdown_plot(below, 2))


def test_moments_that_lie_too_close_share_a_strip() -> None:
    moments = (timedelta(), timedelta(hours=1), timedelta(hours=3), timedelta(hours=3), timedelta(days=800))
    points = [EquityPoint(START + moment, Decimal(1), Decimal(1), Decimal(0)) for moment in moments]
    assert_inside(over_time.equity_plot(points, [], 2))


@given(PERIODS)
def test_pnl_and_costs(periods: list[PeriodPnl]) -> None:
    assert_inside(over_time.pnl_plot(periods, 2)[1])
    assert_inside(over_time.costs_plot(periods, 2))


@given(BUCKETS)
def test_the_distribution_of_trades(found: list[PnlBucket]) -> None:
    assert_inside(distributions.distribution_plot(found, 2))


@given(DAYS)
def test_daily_returns_and_what_is_rolled(days: list[DayEquity]) -> None:
    assert_inside(distributions.returns_plot(days))
    assert_inside(
        over_time.rolling_plot(days, lambda day: day.rolling_sharpe_ratio, name="Sharpe ratio", percent=False)
    )
    assert_inside(over_time.rolling_plot(days, lambda day: day.rolling_volatility, name="Volatility", percent=True))


@given(HOLDING)
def test_holding_times(spans: list[HoldingTime]) -> None:
    assert_inside(distributions.holding_plot(spans, 2))


@given(EXCURSIONS)
def test_excursions(excursions: list[Excursion]) -> None:
    assert_inside(distributions.excursion_plot(excursions))


def test_a_long_line_keeps_its_extremes() -> None:
    days = [
        DayEquity(START + timedelta(days=day), Decimal(1), Decimal(0), None, None, None, Decimal(day % 9))
        for day in range(9000)
    ]
    days[4321] = days[4321]._replace(rolling_sharpe_ratio=Decimal(99))
    plot = over_time.rolling_plot(days, lambda day: day.rolling_sharpe_ratio, name="Sharpe ratio", percent=False)
    assert plot is not None
    assert 500 < plot.lines[0].path.count("L") <= over_time.MOST_POINTS
    assert "to 99.00 on 2035-10-31" in plot.alt
    assert_inside(plot)


def test_few_extreme_days_leave_the_others_to_be_seen() -> None:
    returns = [Decimal(number % 21 - 10) / 1000 for number in range(1000)] + [Decimal(30)] * 3
    days = [
        DayEquity(START + timedelta(days=day), Decimal(1), Decimal(0), one, None, None, None)
        for day, one in enumerate(returns)
    ]
    plot = distributions.returns_plot(days)
    assert plot is not None
    assert len(plot.bars) > 15


def test_a_flat_equity_is_a_line() -> None:
    flat = [EquityPoint(START + timedelta(days=day), Decimal(5), Decimal(5), Decimal(0)) for day in range(3)]
    plot = over_time.equity_plot(flat, [], 2)
    assert plot is not None
    assert len({point.split()[1] for point in re.split("[ML]", plot.lines[0].path)[1:]}) == 1
    below = over_time.drawdown_plot(flat, 2)
    assert_inside(below)
    assert below is not None
    assert [(tick.at, tick.label) for tick in below.y_ticks] == [
        (100, f"{MINUS}1 %"),
        (50, f"{MINUS}0.5 %"),
        (0, "0 %"),
    ]


@given(low=st.floats(0, 1e8), length=st.floats(1e-3, 1e8), percent=st.booleans())
@example(low=100_000.0, length=2.0, percent=False)
@example(low=0.0, length=5.0, percent=True)
def test_ticks_say_different_things(low: float, length: float, *, percent: bool) -> None:
    """Also where an account is large and has hardly moved."""
    scale = Scale(low, low + length)
    for ticks in (plots.ticks_up(scale, 5, percent=percent), plots.ticks_across(scale, percent=percent)):
        assert len({tick.label for tick in ticks}) == len(ticks) >= 2


@pytest.mark.parametrize(
    ("span", "text"),
    [
        ((0, 60), "<1m"),
        ((60, 300), f"1{DASH}5m"),
        ((900, 3600), f"15m{DASH}1h"),
        ((86400, 259200), f"1{DASH}3d"),
        ((2592000, None), "30d+"),
    ],
)
def test_spans_are_short(span: tuple[int, int | None], text: str) -> None:
    plot = distributions.holding_plot([HoldingTime(*span, 2, 1, 1, Decimal(3))], 2)
    assert plot is not None
    assert [tick.label for tick in plot.x_ticks] == [text]
    assert plot.bars[0].title == f"{plot.x_ticks[0].label}: 2 trades, 1 won, +3.00 net"
