from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from atb_db.demo.candles import Candle, built_in
from atb_db.demo.strategy import Add, Averages, Enter, Leave, Rules, TakePart, Trend, Wait, decide
from atb_db.demo.watch import unrealized, watch
from atb_db.repository.positions import Position
from atb_db.types import PositionSide, PositionStatus

RULES = Rules()
START = datetime(2024, 1, 1, tzinfo=UTC)
LONG, SHORT = PositionSide.LONG, PositionSide.SHORT


def candle(low: str, high: str, close: str, *, opened: str | None = None, hours: int = 1) -> Candle:
    numbers = (opened or close, high, low, close, "1")
    return Candle(START + timedelta(hours=hours), *map(Decimal, numbers))


def trend(fast: str, slow: str = "100") -> Trend:
    return Trend(Decimal(fast), Decimal(slow), Decimal(1), (Decimal(fast) - Decimal(slow)) / Decimal(slow))


def held(side: PositionSide = LONG) -> Position:
    """One unit entered at 100 with a stop 4 away and a target 12 away."""
    sign = 1 if side is LONG else -1
    none = dict.fromkeys(Position._fields)
    return Position(**none)._replace(  # type: ignore[arg-type]  # the rest follows
        side=side,
        status=PositionStatus.OPEN,
        entry_price=Decimal(100),
        entry_time=START,
        original_quantity=Decimal(1),
        current_quantity=Decimal(1),
        partial_exits_taken=0,
        scale_ins_taken=0,
        stop_loss=Decimal(100 - 4 * sign),
        take_profit=Decimal(100 + 12 * sign),
        trailing_stop_activated=False,
        breakeven_triggered=False,
        max_holding_until=START + RULES.longest,
    )


def test_averages_are_those_of_the_window() -> None:
    averages, candles = Averages(RULES), built_in(200).candles
    for seen in range(1, len(candles) + 1):
        found = averages.after(candles[seen - 1])
        if seen < RULES.slow:
            assert found is None
            continue
        assert found is not None
        window = candles[seen - RULES.slow : seen]
        assert found.slow == sum(c.close for c in window) / RULES.slow
        assert found.fast == sum(c.close for c in window[-RULES.fast :]) / RULES.fast
        assert found.range == sum(c.high - c.low for c in window) / RULES.slow
        assert found.strength == (found.fast - found.slow) / found.slow


@pytest.mark.parametrize("side", [LONG, SHORT])
def test_a_trend_is_entered_with_a_stop_that_costs_the_risk(side: PositionSide) -> None:
    rising = side is LONG
    seen = trend("101" if rising else "99")
    close = "102" if rising else "98"
    action = decide(candle(close, close, close), seen, None, balance=Decimal(1000), rules=RULES)
    assert isinstance(action, Enter)
    assert action.side is side
    lost = abs(action.price - action.stop_loss) * action.quantity
    assert lost == pytest.approx(Decimal(10), abs=Decimal("0.001"))
    assert action.size == pytest.approx(action.quantity * action.price / 1000, abs=Decimal("0.000001"))
    assert (action.stop_loss < action.price < action.take_profit) is rising
    assert 0 < action.confidence <= 1


def test_no_entry_exceeds_the_largest_size() -> None:
    narrow = trend("101")._replace(range=Decimal("0.01"))
    action = decide(candle("102", "102", "102"), narrow, None, balance=Decimal(1000), rules=RULES)
    assert isinstance(action, Enter)
    assert action.size <= RULES.largest


@pytest.mark.parametrize(
    ("seen", "balance", "reason"),
    [
        (None, 1000, "warming up"),
        (trend("100.1"), 1000, "no trend"),
        (trend("103"), 1000, "price against the trend"),
        (trend("101")._replace(range=Decimal(0)), 1000, "no room for a stop"),
        (trend("101")._replace(range=Decimal(30)), 1000, "no room for a stop"),
        (trend("101"), 0, "balance too small"),
        (trend("101"), -5, "balance too small"),
        (trend("101"), "0.0001", "balance too small"),
    ],
)
def test_without_a_good_entry_it_waits(seen: Trend | None, balance: str, reason: str) -> None:
    assert decide(candle("102", "102", "102"), seen, None, balance=Decimal(balance), rules=RULES) == Wait(reason)


CASES: dict[str, tuple[PositionSide, Callable[[Position], Position], Candle, Trend | None, object]] = {
    "stop": (LONG, lambda p: p, candle("95", "101", "97", opened="100"), None, Leave(Decimal(96), "stop loss")),
    "short stop": (SHORT, lambda p: p, candle("99", "105", "99", opened="99"), None, Leave(Decimal(104), "stop loss")),
    "gap over the stop": (
        LONG,
        lambda p: p,
        candle("90", "93", "91", opened="92"),
        None,
        Leave(Decimal(92), "stop loss"),
    ),
    "stop and target": (
        LONG,
        lambda p: p,
        candle("95", "113", "112", opened="99"),
        None,
        Leave(Decimal(96), "stop loss"),
    ),
    "target": (LONG, lambda p: p, candle("101", "113", "105", opened="102"), None, Leave(Decimal(112), "take profit")),
    "gap over the target": (SHORT, lambda p: p, candle("80", "85", "84"), None, Leave(Decimal(84), "take profit")),
    "breakeven": (
        LONG,
        lambda p: p._replace(stop_loss=Decimal(100), breakeven_triggered=True),
        candle("99", "101", "100", opened="101"),
        None,
        Leave(Decimal(100), "breakeven stop"),
    ),
    "trailing": (
        SHORT,
        lambda p: p._replace(trailing_stop_price=Decimal(97)),
        candle("96", "98", "96", opened="96"),
        None,
        Leave(Decimal(97), "trailing stop"),
    ),
    "time": (LONG, lambda p: p, candle("99", "101", "101", hours=24 * 7), None, Leave(Decimal(101), "time limit")),
    "reversal": (LONG, lambda p: p, candle("99", "101", "99"), trend("99"), Leave(Decimal(99), "signal reversed")),
    "weak reversal": (LONG, lambda p: p, candle("99", "101", "99"), trend("99.9"), Wait("holding")),
    "first part": (LONG, lambda p: p, candle("101", "103", "102"), trend("101"), TakePart(Decimal(102), RULES.part, 0)),
    "second part": (
        SHORT,
        lambda p: p._replace(partial_exits_taken=1),
        candle("95", "97", "96"),
        None,
        TakePart(Decimal(96), RULES.part, 1),
    ),
    "add": (
        LONG,
        lambda p: p._replace(partial_exits_taken=1),
        candle("102", "104", "103"),
        None,
        Add(Decimal(103), RULES.add),
    ),
    "add once": (
        LONG,
        lambda p: p._replace(partial_exits_taken=1, scale_ins_taken=1),
        candle("102", "104", "103"),
        None,
        Wait("holding"),
    ),
}


@pytest.mark.parametrize(("side", "change", "now", "seen", "due"), CASES.values(), ids=CASES)
def test_a_position_is_looked_after(
    side: PositionSide, change: Callable[[Position], Position], now: Candle, seen: Trend | None, due: object
) -> None:
    assert decide(now, seen, change(held(side)), balance=Decimal(1000), rules=RULES) == due


@pytest.mark.parametrize(("side", "close", "pnl"), [(LONG, "103", 3), (SHORT, "103", -3), (SHORT, "98", 2)])
def test_pnl_follows_the_side(side: PositionSide, close: str, pnl: int) -> None:
    assert unrealized(held(side), Decimal(close)) == pnl
    seen = watch(candle("97", "104", close), held(side), RULES)
    assert seen.unrealized_pnl == pnl
    assert seen.unrealized_pnl_percent == pnl


def test_excursions_only_grow() -> None:
    position = held()
    first = watch(candle("98", "103", "101"), position, RULES)
    assert (first.mfe, first.mfe_price, first.mae, first.mae_price) == (
        Decimal("0.03"),
        Decimal(103),
        Decimal("0.02"),
        Decimal(98),
    )
    later = watch(candle("97", "102", "99", hours=2), position._replace(**first._asdict()), RULES)
    assert (later.mfe, later.mfe_time) == (first.mfe, START + timedelta(hours=1))
    assert (later.mae, later.mae_time) == (Decimal("0.03"), START + timedelta(hours=2))


def test_after_a_partial_exit_the_stop_is_the_entry_price() -> None:
    seen = watch(candle("101", "103", "102"), held()._replace(partial_exits_taken=1), RULES)
    assert (seen.stop_loss, seen.breakeven_triggered) == (Decimal(100), True)


@pytest.mark.parametrize(
    ("side", "closes", "stops"),
    [
        (LONG, ["102", "105", "104", "106"], [None, "102.9", "102.9", "103.88"]),
        (SHORT, ["98", "95", "96", "94"], [None, "96.9", "96.9", "95.88"]),
    ],
)
def test_the_trailing_stop_follows_and_never_goes_back(
    side: PositionSide, closes: list[str], stops: list[str | None]
) -> None:
    position = held(side)
    for close, stop in zip(closes, stops, strict=True):
        position = position._replace(**watch(candle(close, close, close), position, RULES)._asdict())
        assert position.trailing_stop_price == (None if stop is None else Decimal(stop))
