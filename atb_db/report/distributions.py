"""The charts of how trades and days are distributed, as geometry: P&L, returns, holding times, excursions."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from atb_db.report import formats
from atb_db.report.plots import Bar, Dot, Line, Plot, ticks_across, ticks_up
from atb_db.report.scales import LENGTH, Scale, Tick, round_values, spanning
from atb_db.repository.tearsheet import DayEquity, Excursion, HoldingTime, PnlBucket

_RETURN_BUCKETS: Final = 40


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
    return Plot(alt, ticks_across(scale), ticks_up(counts, 4, whole=True), bars=bars, x_name="net P&L", y_name="trades")


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
    ticks = ticks_across(scale, percent=True)
    return Plot(alt, ticks, ticks_up(counts, 4, whole=True), bars=bars, x_name="daily return", y_name="days")


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
    return Plot(f"{alt}.", ticks, ticks_up(counts, 4, whole=True), bars=bars, y_name="trades")


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
        ticks_across(across, percent=True, factor=1),
        ticks_up(upwards, 4, percent=True, factor=1),
        lines=[Line(diagonal, "guide")],
        dots=dots,
        x_name="against (MAE)",
        y_name="in favour (MFE)",
    )


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
