"""The strategy: two moving averages that cross, and what to do about it. Pure: it decides, the engine acts."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Final, NamedTuple

from atb_db.demo.candles import Candle
from atb_db.repository.positions import Position
from atb_db.types import PositionSide

MILLIONTH: Final = Decimal("0.000001")


class Rules(NamedTuple):
    """The strategy's settings; all but the candle counts and times are fractions (0.02 = 2 %)."""

    fast: int = 12
    """Candles in the fast average."""
    slow: int = 48
    """Candles in the slow average."""
    threshold: Decimal = Decimal("0.002")
    """Distance of the averages, of the slow one, from which on the trend counts."""
    risk: Decimal = Decimal("0.01")
    """What a stop-out may cost, of the balance."""
    largest: Decimal = Decimal("0.5")
    """Largest position, of the balance."""
    stop: Decimal = Decimal(4)
    """Distance of the stop in candles' ranges."""
    target: Decimal = Decimal(12)
    """Distance of the target in candles' ranges."""
    takes: tuple[Decimal, ...] = (Decimal("0.02"), Decimal("0.04"))
    """Gains at which a part of the position is sold."""
    part: Decimal = Decimal("0.25")
    """That part, of the position's original size."""
    add_at: Decimal = Decimal("0.03")
    """Gain at which the position is enlarged, once."""
    add: Decimal = Decimal("0.5")
    """By how much, of its original size."""
    trail_from: Decimal = Decimal("0.025")
    """Gain from which on the stop follows the price."""
    trail: Decimal = Decimal("0.02")
    """Its distance from the best price."""
    longest: timedelta = timedelta(days=7)
    """Longest time in a position."""


class Trend(NamedTuple):
    """What the strategy sees at the end of a candle."""

    fast: Decimal
    slow: Decimal
    range: Decimal
    """Mean of high - low over the slow window, in quote currency."""
    strength: Decimal
    """(fast - slow) / slow."""

    @property
    def side(self) -> PositionSide:
        """Where the trend points to."""
        return PositionSide.LONG if self.strength > 0 else PositionSide.SHORT


class Averages:
    """Moving averages of the candles seen so far, exact."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._window: deque[Candle] = deque(maxlen=rules.slow)
        self._fast = self._slow = self._ranges = Decimal(0)

    def after(self, candle: Candle) -> Trend | None:
        """The trend with one more candle; None until the slow window is full."""
        window, rules = self._window, self._rules
        if len(window) == rules.slow:
            self._slow -= window[0].close
            self._ranges -= window[0].high - window[0].low
        if len(window) >= rules.fast:
            self._fast -= window[-rules.fast].close
        window.append(candle)
        self._fast += candle.close
        self._slow += candle.close
        self._ranges += candle.high - candle.low
        if len(window) < rules.slow:
            return None
        fast, slow = self._fast / rules.fast, self._slow / rules.slow
        return Trend(fast, slow, self._ranges / rules.slow, (fast - slow) / slow)


class Enter(NamedTuple):
    """Open a position; `size` is a fraction of the balance."""

    side: PositionSide
    price: Decimal
    size: Decimal
    quantity: Decimal
    stop_loss: Decimal
    take_profit: Decimal
    confidence: Decimal


class TakePart(NamedTuple):
    """Sell a part of the position at a target; `size` is a fraction of its original size."""

    price: Decimal
    size: Decimal
    level: int


class Add(NamedTuple):
    """Enlarge the position; `size` is a fraction of its original size."""

    price: Decimal
    size: Decimal


class Leave(NamedTuple):
    """Close the position."""

    price: Decimal
    reason: str


class Wait(NamedTuple):
    """Do nothing."""

    reason: str


Action = Enter | TakePart | Add | Leave | Wait


def decide(candle: Candle, trend: Trend | None, position: Position | None, *, balance: Decimal, rules: Rules) -> Action:
    """What to do at the end of the candle: one thing at most, and getting out goes first."""
    if position is not None:
        return _with_position(candle, trend, position, rules)
    if trend is None:
        return Wait("warming up")
    if abs(trend.strength) < rules.threshold:
        return Wait("no trend")
    return _entry(candle, trend, balance, rules)


def _entry(candle: Candle, trend: Trend, balance: Decimal, rules: Rules) -> Action:
    """An entry of such a size that its stop costs `rules.risk` of the balance."""
    price, side = candle.close, trend.side
    if (price - trend.fast) * direction(side) < 0:
        return Wait("price against the trend")
    distance = rules.stop * trend.range
    if distance <= 0 or distance >= price or rules.target * trend.range >= price:
        return Wait("no room for a stop")
    value = min(balance * rules.risk / distance * price, balance * rules.largest)
    quantity = (value / price).quantize(MILLIONTH, ROUND_DOWN)
    size = (quantity * price / balance).quantize(MILLIONTH) if balance > 0 else Decimal(0)
    if quantity <= 0 or size <= 0:
        return Wait("balance too small")
    return Enter(
        side=side,
        price=price,
        size=size,
        quantity=quantity,
        stop_loss=away(price, -distance, side),
        take_profit=away(price, rules.target * trend.range, side),
        confidence=min(abs(trend.strength) / (10 * rules.threshold), Decimal(1)).quantize(MILLIONTH),
    )


def _with_position(candle: Candle, trend: Trend | None, position: Position, rules: Rules) -> Action:
    leave = _exit(candle, trend, position, rules)
    if leave is not None:
        return leave
    gained = gain(position, candle.close)
    level = position.partial_exits_taken
    if level < len(rules.takes) and gained >= rules.takes[level]:
        return TakePart(candle.close, rules.part, level)
    if not position.scale_ins_taken and gained >= rules.add_at:
        return Add(candle.close, rules.add)
    return Wait("holding")


def _exit(candle: Candle, trend: Trend | None, position: Position, rules: Rules) -> Leave | None:
    """The exit that is due; the stop counts first, because nobody knows which way the candle went."""
    side = position.side
    stop, reason = stop_of(position)
    if stop is not None and reached(candle, stop, against=side):
        return Leave(_fill(candle, stop, against=side), reason)
    target = position.take_profit
    if target is not None and reached(candle, target, against=other(side)):
        return Leave(_fill(candle, target, against=other(side)), "take profit")
    if position.max_holding_until is not None and candle.timestamp >= position.max_holding_until:
        return Leave(candle.close, "time limit")
    if trend is not None and trend.side is not side and abs(trend.strength) >= rules.threshold:
        return Leave(candle.close, "signal reversed")
    return None


def stop_of(position: Position) -> tuple[Decimal | None, str]:
    """The stop that counts, and why the position is closed there."""
    if position.trailing_stop_price is not None:
        return position.trailing_stop_price, "trailing stop"
    return position.stop_loss, "breakeven stop" if position.breakeven_triggered else "stop loss"


def reached(candle: Candle, price: Decimal, *, against: PositionSide) -> bool:
    """Whether the price was touched by a move against a position of that side."""
    return candle.low <= price if against is PositionSide.LONG else candle.high >= price


def _fill(candle: Candle, price: Decimal, *, against: PositionSide) -> Decimal:
    """What an order at the price really gets: the open, where the market jumped over it."""
    return min(price, candle.open) if against is PositionSide.LONG else max(price, candle.open)


def away(price: Decimal, distance: Decimal, side: PositionSide) -> Decimal:
    """The price that lies a distance away, in the position's favour."""
    return (price + distance * direction(side)).quantize(MILLIONTH)


def direction(side: PositionSide) -> int:
    """1 where a rising price earns, -1 where it costs."""
    return 1 if side is PositionSide.LONG else -1


def other(side: PositionSide) -> PositionSide:
    """The opposite side."""
    return PositionSide.SHORT if side is PositionSide.LONG else PositionSide.LONG


def gain(position: Position, price: Decimal) -> Decimal:
    """The price's move in the position's favour, as a fraction of the entry price."""
    return ((price - position.entry_price) * direction(position.side) / position.entry_price).quantize(MILLIONTH)
