"""Orders: journaled before they are sent, moved forward as the exchange answers."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from atb_db.statement import command, query
from atb_db.types import (
    NEW,
    NOW,
    Number,
    OrderStatus,
    OrderStatusLabel,
    OrderType,
    OrderTypeLabel,
    PositionSide,
    PositionSideLabel,
)


class Order(NamedTuple):
    """An order.

    Quantities are in units of the base asset, prices in quote currency, commission in the session's base currency.
    """

    id: int
    session_id: int
    position_id: int | None
    order_type: OrderType
    status: OrderStatus
    symbol: str
    side: PositionSide
    quantity: Decimal
    price: Decimal | None
    filled_quantity: Decimal
    filled_price: Decimal | None
    commission: Decimal
    exchange_order_id: str | None
    internal_order_id: str | None
    strategy_name: str | None
    target_level: int | None
    size_fraction: Decimal | None
    failure_reason: str | None
    created_at: datetime
    filled_at: datetime | None
    cancelled_at: datetime | None
    last_update: datetime


class OrderFill(NamedTuple):
    """One execution of an order: quantity in units of the base asset, price in quote, commission in base currency."""

    id: int
    order_id: int
    exchange_fill_id: str
    quantity: Decimal
    price: Decimal
    commission: Decimal
    filled_at: datetime


@command
def create_order(
    *,
    session_id: int,
    order_type: OrderType | OrderTypeLabel,
    symbol: str,
    side: PositionSide | PositionSideLabel,
    quantity: Number,
    internal_order_id: str,
    price: Number | None = None,
    position_id: int | None = None,
    status: OrderStatus | OrderStatusLabel = OrderStatus.PENDING,
    exchange_order_id: str | None = None,
    strategy_name: str | None = None,
    target_level: int | None = None,
    size_fraction: Number | None = None,
    created_at: datetime = NOW,
    request_id: UUID = NEW,
) -> int:
    """Journal an order, normally before it is sent to the exchange; the order's id.

    status is PENDING, or OPEN for an order that was sent before; fills come by update_order_status.
    internal_order_id is our own client order id, once per session; price None is a market order; size_fraction is a
    fraction of the position's original size. A position_id must be of the same session.
    """
    ...


@command
def update_order_status(
    *,
    order_id: int,
    status: OrderStatus | OrderStatusLabel,
    filled_quantity: Number | None = None,
    filled_price: Number | None = None,
    commission: Number | None = None,
    exchange_order_id: str | None = None,
    failure_reason: str | None = None,
    timestamp: datetime = NOW,
) -> int:
    """Move an order forward; what is not given stays. The order's id.

    filled_quantity is the total so far and filled_price its average. FILLED without a quantity means all of it, without
    a price at the requested one. Conflict when the state is final, would go back, or a fill would shrink. Where
    record_fill has recorded all that is filled, its average and its commission are exact, and stay. Also of a session
    that has ended: the exchange goes on without it.
    """
    ...


@command
def record_fill(
    *,
    order_id: int,
    exchange_fill_id: str,
    quantity: Number,
    price: Number,
    commission: Number = 0,
    filled_at: datetime = NOW,
) -> int:
    """Record one execution of an order as the exchange reports it, with the order's totals, atomically; the fill's id.

    The same fill again changes nothing; with another quantity, price or commission it is a Conflict. quantity is in
    units of the base asset, commission in the session's base currency. The order becomes PARTIALLY_FILLED or FILLED,
    its filled_price the volume-weighted average of its fills. Totals that update_order_status told before are not
    counted twice: they stay until the single fills reach them, and then become exact. InvalidInput when the fills
    exceed the order; a final order takes fills up to what it has filled, and is a Conflict beyond. Also of a session
    that has ended: an exchange may tell late.
    """
    ...


@command
def link_order_to_position(*, order_id: int, position_id: int, timestamp: datetime = NOW) -> int:
    """Say which position an order belongs to, once the position exists; the order's id.

    Both are of the same session, which may have ended. Conflict when the order belongs to another position.
    """
    ...


@command
def expire_stale_orders(*, session_id: int, created_before: datetime, timestamp: datetime = NOW) -> int:
    """Expire a session's orders that are still PENDING and were journaled before a moment; how many there were.

    What the exchange may know of (OPEN, PARTIALLY_FILLED, UNKNOWN) is left for reconciliation.
    """
    ...


@query
def get_fills(*, order_id: int) -> list[OrderFill]:
    """The executions of an order, oldest first."""
    ...


@query
def get_orders_for_position(*, position_id: int) -> list[Order]:
    """The orders of a position, oldest first."""
    ...


@query
def get_pending_orders(*, session_id: int, created_before: datetime | None = None) -> list[Order]:
    """A session's orders that may still be filled (PENDING, OPEN, PARTIALLY_FILLED, UNKNOWN), oldest first.

    What an engine must reconcile with the exchange; with created_before only those journaled before it.
    """
    ...
