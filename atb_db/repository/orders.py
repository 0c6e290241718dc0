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
    """Identifier."""
    session_id: int
    """Session that sends the order."""
    position_id: int | None
    """Position that the order belongs to, of the same session; NULL until the position exists."""
    order_type: OrderType
    """What the order does to its position."""
    status: OrderStatus
    """State; moves forward only."""
    symbol: str
    """Instrument."""
    side: PositionSide
    """Side of the position that the order belongs to: an exit of a LONG position is LONG too."""
    quantity: Decimal
    """Requested quantity, in units of the base asset."""
    price: Decimal | None
    """Requested price, in quote currency; NULL for a market order."""
    filled_quantity: Decimal
    """Filled so far, in units of the base asset; never shrinks, never exceeds quantity."""
    filled_price: Decimal | None
    """Average price of the fills, in quote currency."""
    commission: Decimal
    """Fees charged for the fills, in the session's base currency; negative for a rebate."""
    exchange_order_id: str | None
    """The exchange's identifier; once per session and symbol."""
    internal_order_id: str | None
    """Our own identifier, sent as the client order id; once per session."""
    strategy_name: str | None
    """Strategy that asked for the order."""
    target_level: int | None
    """Index of the profit target that the order serves, from 0."""
    size_fraction: Decimal | None
    """Fraction of the position's original size that the order moves."""
    failure_reason: str | None
    """Why the order failed, was cancelled or expired."""
    created_at: datetime
    """When the order was journaled."""
    filled_at: datetime | None
    """When the newest fill happened."""
    cancelled_at: datetime | None
    """When the order was cancelled or expired."""
    last_update: datetime
    """When the row last changed."""


class OrderFill(NamedTuple):
    """One execution of an order: quantity in units of the base asset, price in quote, commission in base currency."""

    id: int
    """Identifier."""
    order_id: int
    """Order that was filled."""
    exchange_fill_id: str
    """The exchange's identifier of the execution; once per order."""
    quantity: Decimal
    """Executed quantity, in units of the base asset."""
    price: Decimal
    """Execution price, in quote currency."""
    commission: Decimal
    """Fee of the execution, in the session's base currency; negative for a rebate."""
    filled_at: datetime
    """When it was executed, by the exchange's clock."""


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
