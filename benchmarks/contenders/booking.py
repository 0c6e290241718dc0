"""What a fill makes of an order and its position, computed in Python: of a long one, of a linear contract."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, Protocol

from benchmarks.contenders.figures import Figures


class Held(Protocol):
    """What is read of a position."""

    status: str
    planned_size: Decimal
    planned_quantity: Decimal
    quantity: Decimal
    original_quantity: Decimal
    exited_quantity: Decimal
    current_quantity: Decimal
    entry_notional: Decimal
    exit_notional: Decimal
    cost_basis: Decimal
    commission: Decimal
    realized_pnl: Decimal
    partial_exits_taken: int


class Ordered(Protocol):
    """What is read of an order."""

    quantity: Decimal
    recorded_quantity: Decimal
    recorded_notional: Decimal
    recorded_value: Decimal
    recorded_commission: Decimal


class Fill(NamedTuple):
    """What was filled."""

    quantity: Decimal
    price: Decimal
    fee: Decimal
    moment: datetime

    @property
    def value(self) -> Decimal:
        return self.quantity * self.price


def planned(size: Decimal, quantity: Decimal, moment: datetime) -> Figures:
    """A position without any fill."""
    nothing = ("quantity", "original_quantity", "exited_quantity", "current_quantity", "entry_notional")
    nothing += ("exit_notional", "cost_basis", "commission", "realized_pnl")
    return {
        "status": "PLANNED",
        "planned_size": size,
        "planned_quantity": quantity,
        "entry_time": moment,
        "last_update": moment,
        "partial_exits_taken": 0,
        **dict.fromkeys(nothing, Decimal(0)),
    }


def entered(position: Held, fill: Fill) -> Figures:
    """The position's columns after an entry."""
    quantity, held = position.quantity + fill.quantity, position.current_quantity + fill.quantity
    original = position.original_quantity + fill.quantity
    cost = position.cost_basis + fill.value
    return {
        "quantity": quantity,
        "original_quantity": original,
        "entry_notional": position.entry_notional + fill.value,
        "size": _size(position, quantity),
        "original_size": _size(position, original),
        "commission": position.commission + fill.fee,
        **({"entry_time": fill.moment} if position.status == "PLANNED" else {}),
        **_open(position, held, cost, fill),
    }


class Exited(NamedTuple):
    """What an exit has moved."""

    columns: Figures
    """The position's after it."""
    released: Decimal
    """The cost that has left the position."""
    pnl: Decimal
    closed: bool


def exited(position: Held, fill: Fill, reason: str | None, *, is_partial: bool) -> Exited:
    """What an exit makes of it."""
    held = position.current_quantity - fill.quantity
    share = position.cost_basis * fill.quantity / position.current_quantity
    released = round(share, 18) if held else position.cost_basis
    pnl = fill.value - released
    leaving, notional = position.exited_quantity + fill.quantity, position.exit_notional + fill.value
    columns = {
        "exited_quantity": leaving,
        "exit_notional": notional,
        "realized_pnl": position.realized_pnl + pnl,
        "commission": position.commission + fill.fee,
        "last_exit_time": fill.moment,
        **(
            {"partial_exits_taken": position.partial_exits_taken + 1, "last_partial_exit_price": fill.price}
            if is_partial
            else {}
        ),
    }
    columns |= (
        _open(position, held, position.cost_basis - released, fill)
        if held
        else {
            "status": "CLOSED",
            "current_quantity": held,
            "current_size": held,
            "cost_basis": Decimal(0),
            "entry_price": round(position.entry_notional / position.quantity, 18),
            "exit_price": round(notional / leaving, 18),
            "exit_time": fill.moment,
            "exit_reason": reason,
            "current_price": fill.price,
            "unrealized_pnl": 0,
            "unrealized_pnl_percent": 0,
            "last_update": fill.moment,
        }
    )
    return Exited(columns, released, pnl, closed=not held)


def told_in_total(fill: Fill) -> Figures:
    """An order's columns when it was filled at once, with a total and no single fill."""
    return _filled(fill.quantity, fill.value, fill) | {
        "status": "FILLED",
        "quantity": fill.quantity,
        "price": fill.price,
        "told_quantity": fill.quantity,
        "told_price": fill.price,
        "told_value": fill.value,
        "told_commission": fill.fee,
        "commission": fill.fee,
        "created_at": fill.moment,
    }


def recorded(order: Ordered, fill: Fill) -> Figures:
    """An order's columns after a single fill, when all before it were such."""
    quantity, commission = order.recorded_quantity + fill.quantity, order.recorded_commission + fill.fee
    value = order.recorded_value + fill.value
    return _filled(quantity, value, fill) | {
        "status": "FILLED" if quantity >= order.quantity else "PARTIALLY_FILLED",
        "recorded_quantity": quantity,
        "recorded_notional": order.recorded_notional + fill.value,
        "recorded_value": value,
        "recorded_commission": commission,
        "commission": commission,
    }


def booked(fill: Fill, released: Decimal = Decimal(0), pnl: Decimal = Decimal(0)) -> Figures:
    """The columns of the fill's row that say what it has moved."""
    return {
        "is_booked": True,
        "filled_at": fill.moment,
        "booked_quantity": fill.quantity,
        "booked_value": fill.value,
        "booked_commission": fill.fee,
        "released_cost": released,
        "pnl": pnl,
    }


def _filled(quantity: Decimal, value: Decimal, fill: Fill) -> Figures:
    return {
        "filled_quantity": quantity,
        "filled_price": round(value / quantity, 18),
        "filled_units": quantity,
        "filled_value": value,
        "filled_at": fill.moment,
        "last_update": fill.moment,
    }


def _open(position: Held, held: Decimal, cost: Decimal, fill: Fill) -> Figures:
    marked = held * fill.price - cost
    return {
        "status": "OPEN",
        "current_quantity": held,
        "current_size": _size(position, held),
        "cost_basis": cost,
        "entry_price": round(cost / held, 18),
        "current_price": fill.price,
        "unrealized_pnl": marked,
        "unrealized_pnl_percent": round(marked / cost * 100, 12),
        "last_update": fill.moment,
    }


def _size(position: Held, quantity: Decimal) -> Decimal:
    return round(position.planned_size * quantity / position.planned_quantity, 18)
