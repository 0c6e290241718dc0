"""The charts as geometry: what the page draws, on axes from 0 to 1000; pure, and without any markup."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final, NamedTuple

from atb_db.report import formats
from atb_db.report.scales import LENGTH, Scale, Tick, round_values, seconds, spanning, time_ticks
from atb_db.repository.reports import Drawdown, EquityPoint, PeriodPnl
from atb_db.repository.tearsheet import DayEquity, Excursion, HoldingTime, PnlBucket

MOST_STRIPS: Final = 150
"""Parts of a curve that say their values when they are pointed at."""
MOST_POINTS: Final = 600
"""Of a line that the server has not thinned out."""
MOST_BARS: Final = 370
SHADED: Final = 5
_RETURN_BUCKETS: Final = 40


class Line(NamedTuple):
    """A line or, closed, an area; kind is its class."""

    path: str
    kind: str


class Bar(NamedTuple):
    """A rectangle that says its values."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


class Dot(NamedTuple):
    """A point that says its values."""

    x: float
    y: float
    kind: str
    title: str


class Plot(NamedTuple):
    """One pair of axes with what is drawn on them; alt says in words what is seen."""

    alt: str
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    shades: Sequence[Bar] = ()
    """Behind everything."""
    areas: Sequence[Line] = ()
    lines: Sequence[Line] = ()
    bars: Sequence[Bar] = ()
    dots: Sequence[Dot] = ()
    strips: Sequence[Bar] = ()
    """Before everything, and invisible until they are pointed at."""
    zero: float | None = None
    """Height of the line at zero, in percent from the top."""
    x_name: str = ""
    y_name: str = ""


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
        y_ticks=_ticks(values, 5),
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
    values = spanning([-float(point.drawdown) for point in points], zero=True)
    line = _path(_Timed(times.at(seconds(p.timestamp)), values.up(-float(p.drawdown))) for p in points)
    deepest = max(points, key=lambda point: point.drawdown)
    return Plot(
        alt=(
            f"Drawdown over time: deepest {formats.percent(deepest.drawdown)} on {formats.day(deepest.timestamp)}, "
            f"{formats.percent(points[-1].drawdown)} at the end."
        ),
        x_ticks=time_ticks(points[0].timestamp, points[-1].timestamp),
        y_ticks=_ticks(values, 3, percent=True),
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
        _standing(
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
    return unit, Plot(alt, ticks, _ticks(values, 4), bars=bars, zero=values.up(0) / 10)


def distribution_plot(buckets: Sequence[PnlBucket], digits: int) -> Plot | None:
    """How many trades earned how much."""
    if not buckets:
        return None
    scale = Scale(float(min(buckets[0].lower, Decimal(0))), float(max(buckets[-1].upper, Decimal(0))))
    counts = spanning([float(bucket.total_trades) for bucket in buckets], zero=True)
    bars = []
    for bucket in buckets:
        left, right = scale.at(float(bucket.lower)), scale.at(float(bucket.upper))
        span = f"{formats.amount(bucket.lower, digits)} to {formats.amount(bucket.upper, digits)}"
        beyond = bucket.smallest < bucket.lower or bucket.largest >= bucket.upper
        extreme = bucket.smallest if bucket.smallest < bucket.lower else bucket.largest
        title = f"{span}: {formats.count(bucket.total_trades)} trades"
        title += f", beyond it up to {formats.amount(extreme, digits)}" if beyond else ""
        top = counts.up(bucket.total_trades)
        kind = "gain" if bucket.lower >= 0 else "loss"
        bars.append(Bar(left + 0.5, top, max(right - left - 1, 0.5), round(LENGTH - top, 1), kind, title))
    fullest = max(buckets, key=lambda bucket: bucket.total_trades)
    total = sum(bucket.total_trades for bucket in buckets)
    alt = (
        f"Distribution of the net P&L of {formats.count(total)} trades, from "
        f"{formats.amount(buckets[0].smallest, digits)} to {formats.amount(buckets[-1].largest, digits)}; most, "
        f"{formats.count(fullest.total_trades)}, lie between {formats.amount(fullest.lower, digits)} and "
        f"{formats.amount(fullest.upper, digits)}."
    )
    return Plot(alt, _across(scale), _ticks(counts, 4, whole=True), bars=bars, x_name="net P&L", y_name="trades")


def returns_plot(days: Sequence[DayEquity]) -> Plot | None:
    """How many days returned how much."""
    returns = [float(day.daily_return) for day in days if day.daily_return]
    if len(returns) < 2:  # noqa: PLR2004  one return has no distribution
        return None
    # A few extreme days would press all others together: they count in the first and the last bucket.
    in_order, extreme = sorted(returns), len(returns) // 100
    low, high = min(in_order[extreme], 0.0), max(in_order[-1 - extreme], 0.0)
    step = _round_step((high - low) / _RETURN_BUCKETS)
    found: dict[int, int] = {}
    for value in returns:
        bucket = int(min(max(value, low), high) // step)
        found[bucket] = found.get(bucket, 0) + 1
    scale = Scale(min(*found, 0) * step, (max(*found, -1) + 1) * step)
    counts = spanning([float(number) for number in found.values()], zero=True)
    bars = []
    for bucket, number in sorted(found.items()):
        left, right, top = scale.at(bucket * step), scale.at((bucket + 1) * step), counts.up(number)
        span = f"{formats.compact(bucket * step * 100)} % to {formats.compact((bucket + 1) * step * 100)} %"
        kind = "gain" if bucket >= 0 else "loss"
        title = f"{span}: {formats.count(number)} days"
        bars.append(Bar(left + 0.5, top, max(right - left - 1, 0.5), round(LENGTH - top, 1), kind, title))
    alt = (
        f"Distribution of {formats.count(len(returns))} daily returns other than zero, from "
        f"{formats.percent(Decimal(str(min(returns))))} to {formats.percent(Decimal(str(max(returns))))}."
    )
    ticks = _across(scale, percent=True)
    return Plot(alt, ticks, _ticks(counts, 4, whole=True), bars=bars, x_name="daily return", y_name="days")


def holding_plot(spans: Sequence[HoldingTime], digits: int) -> Plot | None:
    """How many trades were held how long, those that won above those that did not."""
    held = [place for place, span in enumerate(spans) if span.total_trades]
    if not held:
        return None
    shown = spans[held[0] : held[-1] + 1]
    counts = spanning([float(span.total_trades) for span in shown], zero=True)
    width = LENGTH / len(shown)
    bars, ticks = [], []
    for place, span in enumerate(shown):
        title = (
            f"{_span_text(span)}: {formats.count(span.total_trades)} trades, {formats.count(span.winning_trades)} won, "
            f"{formats.amount(span.net_pnl, digits, plus=True)} net"
        )
        middle, top = counts.up(span.total_trades - span.winning_trades), counts.up(span.total_trades)
        left, bar = round((place + 0.12) * width, 1), round(width * 0.76, 1)
        bars.append(Bar(left, top, bar, round(middle - top, 1), "gain", title))
        bars.append(Bar(left, middle, bar, round(LENGTH - middle, 1), "loss", title))
        ticks.append(Tick(round((place + 0.5) * width / 10, 2), _span_text(span)))
    alt = "Holding times: " + "; ".join(
        f"{_span_text(span)}: {span.total_trades} trades, {span.winning_trades} won" for span in shown
    )
    return Plot(f"{alt}.", ticks, _ticks(counts, 4, whole=True), bars=bars, y_name="trades")


def excursion_plot(excursions: Sequence[Excursion]) -> Plot | None:
    """How far each trade went against its position and for it."""
    if not excursions:
        return None
    across = spanning([float(one.mae) * 100 for one in excursions], zero=True)
    upwards = spanning([float(one.mfe) * 100 for one in excursions], zero=True)
    dots = [
        Dot(
            across.at(float(one.mae) * 100),
            upwards.up(float(one.mfe) * 100),
            formats.tone(one.net_pnl) or "even",
            f"{one.symbol}, {formats.minute(one.exit_time)}: {formats.percent(one.mae)} against, "
            f"{formats.percent(one.mfe)} in favour, {formats.percent(one.pnl_percent / 100, plus=True)} at the exit",
        )
        for one in excursions
    ]
    most = min(across.high, upwards.high)
    diagonal = f"M{across.at(0)} {upwards.up(0)}L{across.at(most)} {upwards.up(most)}"
    won = sum(one.net_pnl > 0 for one in excursions)
    alt = (
        f"Maximum favourable against maximum adverse excursion of {formats.count(len(excursions))} trades, of which "
        f"{formats.count(won)} earned: at most {formats.percent(max(one.mae for one in excursions))} against the "
        f"position, and {formats.percent(max(one.mfe for one in excursions))} in its favour."
    )
    return Plot(
        alt,
        _across(across, percent=True, factor=1),
        _ticks(upwards, 4, percent=True, factor=1),
        lines=[Line(diagonal, "guide")],
        dots=dots,
        x_name="against (MAE)",
        y_name="in favour (MFE)",
    )


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
        _ticks(values, 4, percent=percent, factor=1),
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
        _standing(
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
    return Plot(alt, ticks, _ticks(values, 4), bars=bars, zero=values.up(0) / 10)


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


def _standing(left: float, width: float, values: Scale, value: Decimal, title: str) -> Bar:
    """A bar from zero up or down to the value."""
    zero, end = values.up(0), values.up(float(value))
    top, height = min(zero, end), max(round(abs(zero - end), 1), 1.0)
    return Bar(round(left, 1), top, round(width, 1), height, formats.tone(value) or "even", title)


def _ticks(scale: Scale, number: int, *, percent: bool = False, factor: float = 100, whole: bool = False) -> list[Tick]:
    """Ticks of an axis that begins at the bottom; fractions are shown as percent by the factor 100."""
    values = round_values(scale, number)
    if whole:
        values = [value for value in values if value == int(value)]
    if percent:
        return [Tick(round(scale.up(value) / 10, 2), f"{formats.compact(value * factor)} %") for value in values]
    return [Tick(round(scale.up(value) / 10, 2), formats.compact(value)) for value in values]


def _across(scale: Scale, *, percent: bool = False, factor: float = 100) -> list[Tick]:
    values = round_values(scale, 6)
    if percent:
        return [Tick(round(scale.at(value) / 10, 2), f"{formats.compact(value * factor)} %") for value in values]
    return [Tick(round(scale.at(value) / 10, 2), formats.compact(value)) for value in values]


def _round_step(least: float) -> float:
    return round_values(Scale(0.0, least * 10), 10)[1]


def _span_text(span: HoldingTime) -> str:
    """As timeframes are written, such as `<1m`, `1-4h` with a dash, `15m-1h` or `30d+`."""
    if span.to_seconds is None:
        return f"{_in_units(span.from_seconds)}+"
    last = _in_units(span.to_seconds)
    if not span.from_seconds:
        return f"<{last}"
    first = _in_units(span.from_seconds)
    return f"{first.rstrip('smhd') if first[-1] == last[-1] else first}\N{EN DASH}{last}"


def _in_units(length: int) -> str:
    size, unit = next((one for one in ((86400, "d"), (3600, "h"), (60, "m")) if length >= one[0]), (1, "s"))
    return f"{length // size}{unit}"
