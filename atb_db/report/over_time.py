"""The charts over time, as geometry: equity, drawdown, P&L, rolling figures and costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final, NamedTuple

from atb_db.report import formats
from atb_db.report.plots import Bar, Line, Plot, standing, ticks_up
from atb_db.report.scales import LENGTH, Scale, Tick, seconds, spanning, time_ticks
from atb_db.repository.reports import Drawdown, EquityPoint, PeriodPnl
from atb_db.repository.tearsheet import DayEquity

MOST_STRIPS: Final = 150
"""Parts of a curve that say their values when they are pointed at."""
MOST_POINTS: Final = 600
"""Of a line that the server has not thinned out."""
MOST_BARS: Final = 370
SHADED: Final = 5
_NEVER_FELL: Final = Scale(-0.01, 0.0)


class _Timed(NamedTuple):
    x: float
    y: float


def equity_plot(points: Sequence[EquityPoint], drawdowns: Sequence[Drawdown], digits: int) -> Plot | None:
    """The equity, with the worst drawdowns shaded; None without two moments."""
    if not _spans([point.timestamp for point in points]):
        return None
    times = _time_scale([point.timestamp for point in points])
    values = spanning([float(point.equity) for point in points])
    line = _path(_Timed(times.at(seconds(p.timestamp)), values.up(float(p.equity))) for p in points)
    lowest, highest = (pick(points, key=lambda point: point.equity) for pick in (min, max))
    return Plot(
        alt=(
            f"Equity over time: from {formats.amount(points[0].equity, digits)} on {formats.day(points[0].timestamp)} "
            f"to {formats.amount(points[-1].equity, digits)} on {formats.day(points[-1].timestamp)}, lowest "
            f"{formats.amount(lowest.equity, digits)} on {formats.day(lowest.timestamp)}, highest "
            f"{formats.amount(highest.equity, digits)} on {formats.day(highest.timestamp)}."
        ),
        x_ticks=time_ticks(points[0].timestamp, points[-1].timestamp),
        y_ticks=ticks_up(values, 5),
        shades=[_shade(one, times, points[-1].timestamp) for one in drawdowns[:SHADED]],
        areas=[Line(_closed(line, LENGTH), "equity")],
        lines=[Line(line, "equity")],
        strips=_strips(points, times, digits),
    )


def drawdown_plot(points: Sequence[EquityPoint], digits: int) -> Plot | None:
    """How far the equity was below its peak; None without two moments."""
    if not _spans([point.timestamp for point in points]):
        return None
    times = _time_scale([point.timestamp for point in points])
    # An equity that never fell has its line at the top, too: there is nothing above its peak.
    fell = any(point.drawdown for point in points)
    values = spanning([-float(point.drawdown) for point in points], zero=True) if fell else _NEVER_FELL
    line = _path(_Timed(times.at(seconds(p.timestamp)), values.up(-float(p.drawdown))) for p in points)
    deepest = max(points, key=lambda point: point.drawdown)
    return Plot(
        alt=(
            f"Drawdown over time: deepest {formats.percent(deepest.drawdown)} on {formats.day(deepest.timestamp)}, "
            f"{formats.percent(points[-1].drawdown)} at the end."
        ),
        x_ticks=time_ticks(points[0].timestamp, points[-1].timestamp),
        y_ticks=ticks_up(values, 3, percent=True),
        areas=[Line(_closed(line, values.up(0)), "drawdown")],
        lines=[Line(line, "drawdown")],
        strips=_strips(points, times, digits),
        zero=values.up(0) / 10,
    )


def pnl_plot(days: Sequence[PeriodPnl], digits: int) -> tuple[str, Plot | None]:
    """The net P&L by day; by week or month where there are too many days, which the first part of the result says."""
    unit, length, periods = _grouped(days)
    if not periods:
        return unit, None
    first, last = periods[0].start, periods[-1].start + length
    times = Scale(seconds(first), seconds(last))
    values = spanning([float(period.net_pnl) for period in periods], zero=True)
    width = max(length.total_seconds() / (times.high - times.low) * LENGTH * 0.8, 1.0)
    best, worst = (pick(periods, key=lambda period: period.net_pnl) for pick in (max, min))
    bars = [
        standing(
            times.at(seconds(period.start)) + width * 0.125,
            width,
            values,
            period.net_pnl,
            f"{formats.day(period.start)}: {formats.amount(period.net_pnl, digits, plus=True)} net, "
            f"{formats.count(period.trades)} trades",
        )
        for period in periods
    ]
    alt = (
        f"Net P&L by {unit}, {len(periods)} with trades: best {formats.amount(best.net_pnl, digits, plus=True)} "
        f"({formats.day(best.start)}), worst {formats.amount(worst.net_pnl, digits, plus=True)} "
        f"({formats.day(worst.start)})."
    )
    ticks = time_ticks(first, last)
    return unit, Plot(alt, ticks, ticks_up(values, 4), bars=bars, zero=values.up(0) / 10)


def rolling_plot(
    days: Sequence[DayEquity], figure: Callable[[DayEquity], Decimal | None], *, name: str, percent: bool
) -> Plot | None:
    """A figure over the 30 days up to each day; None before there are two."""
    known = _thinned([(day.day, value) for day in days if (value := figure(day)) is not None])
    if not _spans([moment for moment, _ in known]):
        return None
    times = _time_scale([moment for moment, _ in known])
    factor = 100 if percent else 1
    values = spanning([float(value) * factor for _, value in known], zero=True)
    line = _path(_Timed(times.at(seconds(moment)), values.up(float(value) * factor)) for moment, value in known)
    shown = formats.percent if percent else formats.ratio
    least, most = (pick(known, key=lambda one: one[1]) for pick in (min, max))
    alt = (
        f"{name} of 30 days: from {shown(least[1])} on {formats.day(least[0])} to {shown(most[1])} on "
        f"{formats.day(most[0])}, {shown(known[-1][1])} at the end."
    )
    labels = [(moment, f"{formats.day(moment)}: {shown(value)}") for moment, value in known]
    return Plot(
        alt,
        time_ticks(known[0][0], known[-1][0], 4),
        ticks_up(values, 4, percent=percent, factor=1),
        lines=[Line(line, "accent")],
        strips=_labelled_strips(labels, times),
        zero=values.up(0) / 10,
    )


def costs_plot(months: Sequence[PeriodPnl], digits: int) -> Plot | None:
    """Commission and margin interest by month."""
    if not any(month.costs for month in months):
        return None
    shown = months[-MOST_BARS:]
    values = spanning([float(month.costs) for month in shown], zero=True)
    width = LENGTH / len(shown)
    bars = [
        standing(
            round((place + 0.1) * width, 1),
            round(width * 0.8, 1),
            values,
            month.costs,
            f"{month.period_start:%Y-%m}: {formats.amount(month.costs, digits)} of costs, "
            f"{formats.amount(month.gross_pnl, digits, plus=True)} gross",
        )._replace(kind="cost")
        for place, month in enumerate(shown)
    ]
    every = max(-(-len(shown) // 6), 1)
    ticks = [
        Tick(round((place + 0.5) * width / 10, 2), f"{month.period_start:%Y-%m}")
        for place, month in enumerate(shown)
        if place % every == 0
    ]
    dearest = max(shown, key=lambda month: month.costs)
    alt = (
        f"Costs by month of exit, {len(shown)} months: most {formats.amount(dearest.costs, digits)} in "
        f"{dearest.period_start:%Y-%m}."
    )
    return Plot(alt, ticks, ticks_up(values, 4), bars=bars, zero=values.up(0) / 10)


def _thinned(known: Sequence[tuple[datetime, Decimal]]) -> Sequence[tuple[datetime, Decimal]]:
    """Of many values the first, the last, and the extremes of equal parts between."""
    if len(known) <= MOST_POINTS:
        return known
    part = -(-len(known) // (MOST_POINTS // 2))
    kept = {0, len(known) - 1}
    for first in range(0, len(known), part):
        places = range(first, min(first + part, len(known)))
        kept |= {pick(places, key=lambda place: known[place][1]) for pick in (min, max)}
    return [known[place] for place in sorted(kept)]


class _Period(NamedTuple):
    start: datetime
    net_pnl: Decimal
    trades: int


def _grouped(days: Sequence[PeriodPnl]) -> tuple[str, timedelta, list[_Period]]:
    """The days, or as many weeks or months as can be distinguished."""
    if not days:
        return "day", timedelta(days=1), []
    length = days[-1].period_start - days[0].period_start
    single = [_Period(day.period_start.astimezone(UTC), day.net_pnl, day.total_trades) for day in days]
    if length <= timedelta(days=MOST_BARS):
        return "day", timedelta(days=1), single
    if length <= timedelta(weeks=MOST_BARS):
        return "week", timedelta(weeks=1), _added(single, lambda start: start - timedelta(days=start.weekday()))
    return "month", timedelta(days=30), _added(single, lambda start: start.replace(day=1))


def _added(days: Iterable[_Period], begin: Callable[[datetime], datetime]) -> list[_Period]:
    found: dict[datetime, _Period] = {}
    for day in days:
        start = begin(day.start)
        known = found.get(start, _Period(start, Decimal(0), 0))
        found[start] = _Period(start, known.net_pnl + day.net_pnl, known.trades + day.trades)
    return list(found.values())


def _spans(moments: Sequence[datetime]) -> bool:
    return bool(moments) and moments[0] < moments[-1]


def _time_scale(moments: Sequence[datetime]) -> Scale:
    return Scale(seconds(moments[0]), seconds(moments[-1]))


def _path(points: Iterable[_Timed]) -> str:
    return "M" + "L".join(f"{point.x:g} {point.y:g}" for point in points)


def _closed(line: str, bottom: float) -> str:
    """The area between a line that goes across everything and a height."""
    return f"{line}L{LENGTH:g} {bottom:g}L0 {bottom:g}Z"


def _shade(fall: Drawdown, times: Scale, last: datetime) -> Bar:
    left = min(max(times.at(seconds(fall.started_at)), 0.0), LENGTH)
    right = min(times.at(seconds(fall.recovered_at or last)), LENGTH)
    return Bar(left, 0, max(round(right - left, 1), 1.0), LENGTH, "shade", "")


def _strips(points: Sequence[EquityPoint], times: Scale, digits: int) -> list[Bar]:
    def below(point: EquityPoint) -> str:
        return formats.percent(point.drawdown)

    labels = [
        (
            point.timestamp,
            f"{formats.minute(point.timestamp)}: {formats.amount(point.equity, digits)}, {below(point)} below the peak",
        )
        for point in points
    ]
    return _labelled_strips(labels, times)


def _labelled_strips(labels: Sequence[tuple[datetime, str]], times: Scale) -> list[Bar]:
    """Strips around at most so many of the moments, each to the middle between its neighbours."""
    every = -(-len(labels) // MOST_STRIPS)
    chosen = [*labels[:-1:every], labels[-1]]
    middles = [(times.at(seconds(one[0])) + times.at(seconds(two[0]))) / 2 for one, two in pairwise(chosen)]
    edges = [0.0, *middles, LENGTH]
    return [
        Bar(round(left, 1), 0, round(right - left, 1), LENGTH, "strip", title)
        for (left, right), (_, title) in zip(pairwise(edges), chosen, strict=True)
        if round(right - left, 1) > 0
    ]
