"""Watching an open position: its P&L, its excursions, and the stop that follows it. Pure, as the strategy is."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from atb_db.demo.candles import Candle
from atb_db.demo.strategy import Rules, away, direction, gain
from atb_db.repository.positions import Position
from atb_db.types import PositionSide


class Watch(NamedTuple):
    """Notes about an open position at the end of a candle: parameters of `update_position`."""

    current_price: Decimal
    unrealized_pnl: Decimal
    unrealized_pnl_percent: Decimal
    mfe: Decimal
    mfe_price: Decimal
    mfe_time: datetime
    mae: Decimal
    mae_price: Decimal
    mae_time: datetime
    stop_loss: Decimal | None
    breakeven_triggered: bool
    trailing_stop_activated: bool
    trailing_stop_price: Decimal | None


class _Excursion(NamedTuple):
    """How far the price went, as a fraction of the entry price, with that price and its time."""

    size: Decimal
    price: Decimal
    time: datetime


def watch(candle: Candle, position: Position, rules: Rules) -> Watch:
    """The position after the candle: its stop goes to the entry price after a partial exit, later behind the price."""
    long = position.side is PositionSide.LONG
    best, worst = (candle.high, candle.low) if long else (candle.low, candle.high)
    mfe = _farther(
        _Excursion(max(gain(position, best), Decimal(0)), best, candle.timestamp),
        (position.mfe, position.mfe_price, position.mfe_time),
    )
    mae = _farther(
        _Excursion(max(-gain(position, worst), Decimal(0)), worst, candle.timestamp),
        (position.mae, position.mae_price, position.mae_time),
    )
    breakeven = position.partial_exits_taken > 0
    gained = gain(position, candle.close)
    trailing = position.trailing_stop_activated or gained >= rules.trail_from
    return Watch(
        current_price=candle.close,
        unrealized_pnl=unrealized(position, candle.close),
        unrealized_pnl_percent=gained * 100,
        mfe=mfe.size,
        mfe_price=mfe.price,
        mfe_time=mfe.time,
        mae=mae.size,
        mae_price=mae.price,
        mae_time=mae.time,
        stop_loss=position.entry_price if breakeven else position.stop_loss,
        breakeven_triggered=breakeven,
        trailing_stop_activated=trailing,
        trailing_stop_price=_trailed(candle.close, position, rules) if trailing else None,
    )


def unrealized(position: Position, price: Decimal) -> Decimal:
    """P&L of the open quantity at a price, before costs."""
    return (price - position.entry_price) * direction(position.side) * position.current_quantity


def _farther(seen: _Excursion, known: tuple[Decimal | None, Decimal | None, datetime | None]) -> _Excursion:
    match known:
        case (Decimal() as size, Decimal() as price, datetime() as time) if size >= seen.size:
            return _Excursion(size, price, time)
    return seen


def _trailed(price: Decimal, position: Position, rules: Rules) -> Decimal:
    """The trailing stop behind the price; it never goes back."""
    behind = away(price, -price * rules.trail, position.side)
    before = position.trailing_stop_price
    if before is None:
        return behind
    return max(before, behind) if position.side is PositionSide.LONG else min(before, behind)
