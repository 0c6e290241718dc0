"""Orders: journaled before they are sent, moved forward as the exchange answers."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from atb_db.statement import command, query
from atb_db.types import NEW, NOW, ContractType, Number, OrderStatus, OrderType, PositionSide


class Order(NamedTuple):
    """An order.

    Quantities are in units of the base asset, prices in quote currency, commission in the session's base currency.
    filled_quantity, filled_price and commission follow from the fills, or from the reported total while that is more.
    """

    id: int
    session_id: int
    position_id: int | None
    order_type: OrderType
    status: OrderStatus
    symbol: str
    side: PositionSide
    quantity: Decimal
    quote_quantity: Decimal | None
    price: Decimal | None
    filled_quantity: Decimal
    filled_price: Decimal | None
    commission: Decimal
    is_overfilled: bool
    needs_review: bool
    exchange_order_id: str | None
    internal_order_id: str | None
    replaced_order_id: int | None
    strategy_name: str | None
    target_level: int | None
    size_fraction: Decimal | None
    reason: str | None
    failure_reason: str | None
    created_at: datetime
    filled_at: datetime | None
    cancelled_at: datetime | None
    last_update: datetime


class OrderFill(NamedTuple):
    """One execution of an order as the exchange reported it, and what it moved in the position.

    quantity and booked_quantity are in units of the base asset, price in quote currency, fee in fee_currency,
    commission and pnl in the session's base currency. commission is None until it is known. is_booked is False while no
    position has taken the fill up.
    """

    id: int
    order_id: int
    exchange_fill_id: str
    quantity: Decimal
    price: Decimal
    fee: Decimal | None
    fee_currency: str | None
    commission: Decimal | None
    filled_at: datetime
    position_id: int | None
    is_booked: bool
    booked_quantity: Decimal
    pnl: Decimal


class UnbookedOrder(NamedTuple):
    """An order that was filled with something which is in no position; quantities in units of the base asset."""

    order_id: int
    position_id: int | None
    order_type: OrderType
    status: OrderStatus
    symbol: str
    side: PositionSide
    filled_quantity: Decimal
    booked_quantity: Decimal
    filled_price: Decimal | None
    exchange_order_id: str | None
    internal_order_id: str | None
    filled_at: datetime | None


@command
def create_order(
    *,
    session_id: int,
    order_type: OrderType | str,
    symbol: str,
    side: PositionSide | str,
    quantity: Number,
    internal_order_id: str,
    price: Number | None = None,
    quote_quantity: Number | None = None,
    position_id: int | None = None,
    status: OrderStatus | str = OrderStatus.PENDING,
    exchange_order_id: str | None = None,
    replaced_order_id: int | None = None,
    strategy_name: str | None = None,
    target_level: int | None = None,
    size_fraction: Number | None = None,
    reason: str | None = None,
    size: Number | None = None,
    entry_balance: Number | None = None,
    stop_loss: Number | None = None,
    take_profit: Number | None = None,
    trailing_stop: bool = False,
    confidence_score: Number | None = None,
    exchange: str | None = None,
    max_holding_until: datetime | None = None,
    end_of_day_exit: bool = False,
    weekend_exit: bool = False,
    time_restriction_group: str | None = None,
    contract: ContractType | str = ContractType.LINEAR,
    contract_size: Number = 1,
    base_asset: str | None = None,
    settlement_currency: str | None = None,
    settlement_rate: Number | None = None,
    allows_negative_prices: bool = False,
    created_at: datetime = NOW,
    unless_flag: str | None = None,
    token: UUID | None = None,
    request_id: UUID = NEW,
) -> int:
    """Journal an order with its intent, before it is sent to the exchange; the order's id.

    An ENTRY order without a position_id plans the position that its first fill opens: size (the fraction of the
    balance, 0.05 = 5 %), stop_loss, take_profit and the other fields of the plan are the position's from the beginning.
    Orders of the other types name the position that they grow, reduce or close, of the same session; reason becomes the
    exit_reason of a position that they close. status is PENDING, or OPEN for an order that was sent before.

    internal_order_id is our own client order id, once per session; price None is a market order; quote_quantity is the
    amount of a market order by amount, whose quantity is an estimate; size_fraction is a fraction of the position's
    original size; replaced_order_id is the order that this one takes the place of. contract, contract_size, base_asset
    (a fee in it lowers the position's quantity), settlement_currency with its settlement_rate and
    allows_negative_prices say what is traded; without them it is spot or a linear contract in the session's base
    currency.

    Halted when the control flag `unless_flag` is active; SessionHeld when `token` no longer holds the session; Conflict
    when another order has one of the ids, with that order.
    """
    ...


@command
def update_order_status(
    *,
    order_id: int | None = None,
    session_id: int | None = None,
    internal_order_id: str | None = None,
    exchange_order_id: str | None = None,
    status: OrderStatus | str | None = None,
    filled_quantity: Number | None = None,
    filled_price: Number | None = None,
    commission: Number | None = None,
    quantity: Number | None = None,
    price: Number | None = None,
    failure_reason: str | None = None,
    needs_review: bool | None = None,
    pnl: Number | None = None,
    settlement_rate: Number | None = None,
    timestamp: datetime = NOW,
    token: UUID | None = None,
) -> int:
    """Report what the exchange says of an order as a whole; what is not given stays. The order's id.

    The order is named by order_id, or in its session by internal_order_id, or else by exchange_order_id; given beside
    one of the first two, exchange_order_id is the id that the order has now. Another one than before is that of an
    amended order, and the former is kept. quantity and price are amended ones.

    filled_quantity is the total so far, filled_price its average, commission its fees: what is new in them is booked
    into the order's position. FILLED without a quantity means all of it when no fill is known, without a price at the
    requested one. Single fills take the total's place as soon as they reach it. Nothing that the exchange did is
    refused: a state that would go back, or leave a final one, stays as it is, and a fill after the end is booked with a
    WARNING event. needs_review takes an order out of the pending ones until a person has looked at it. Also of a
    session that has ended.
    """
    ...


@command
def record_fill(
    *,
    order_id: int | None = None,
    session_id: int | None = None,
    internal_order_id: str | None = None,
    exchange_order_id: str | None = None,
    exchange_fill_id: str,
    quantity: Number,
    price: Number,
    fee: Number | None = None,
    fee_currency: str | None = None,
    commission: Number | None = None,
    pnl: Number | None = None,
    settlement_rate: Number | None = None,
    filled_at: datetime = NOW,
    token: UUID | None = None,
) -> int:
    """Record one execution of an order as the exchange reports it, and book it, atomically; the fill's id.

    The order is named by order_id, or in its session by internal_order_id or exchange_order_id. The first fill of an
    entry opens the position, further ones grow it, fills of exits reduce it, and the last closes it with trade, metrics
    and ledger entry. quantity is in units of the base asset, or in contracts.

    fee and fee_currency are as the exchange reports them (negative = a rebate), commission is the same in the session's
    base currency: None = it follows from the fee if that is in the base currency or the base asset, else it is not
    known yet. pnl is the fill's gross P&L in base currency, where it does not follow from the prices; settlement_rate
    converts it from another settlement currency.

    exchange_fill_id is the key, once per order: the same fill again changes nothing (another time of it neither),
    completes a fee or commission that was not known, and is a Conflict with other figures. InvalidInput for a filled_at
    before 2009. A fill after the order's end, or beyond its quantity, is booked and visible (a WARNING event,
    is_overfilled). Also of a session that has ended: an exchange may report late.
    """
    ...


@command
def link_order_to_position(
    *, order_id: int, position_id: int, timestamp: datetime = NOW, token: UUID | None = None
) -> int:
    """Say which position an order belongs to, and book what it was filled with; the order's id.

    Both are of the same session, which may have ended. Conflict when the order belongs to another position.
    """
    ...


@command
def expire_stale_orders(
    *, session_id: int, created_before: datetime, timestamp: datetime = NOW, token: UUID | None = None
) -> int:
    """Expire a session's orders that are still PENDING and were journaled before a moment; how many there were.

    For after the reconciliation: ask the exchange for each of get_pending_orders first, record what it knows, and expire
    the rest. What it may know of (OPEN, PARTIALLY_FILLED, UNKNOWN) stays. One order expires by
    `update_order_status(order_id=…, status="EXPIRED")`.
    """
    ...


@query
def get_order(
    *,
    order_id: int | None = None,
    session_id: int | None = None,
    internal_order_id: str | None = None,
    exchange_order_id: str | None = None,
) -> Order:
    """One order, by our id, the client order id or the exchange's.

    The latter two are given with session_id; an id that the exchange gave the order before it was amended finds it,
    too.
    """
    ...


@query
def get_fills(*, order_id: int) -> list[OrderFill]:
    """The executions of an order, oldest first."""
    ...


@query
def get_unbooked_orders(*, session_id: int) -> list[UnbookedOrder]:
    """A session's orders that were filled with something which is in no position, oldest first.

    Fills of an order without a position, of an exit beyond what was held, and totals without any price.
    """
    ...


@query
def get_orders_for_position(*, position_id: int) -> list[Order]:
    """The orders of a position, oldest first."""
    ...


@query
def get_pending_orders(*, session_id: int, created_before: datetime | None = None) -> list[Order]:
    """A session's orders that may still be filled (PENDING, OPEN, PARTIALLY_FILLED, UNKNOWN), oldest first.

    What an engine must reconcile with the exchange; with created_before only those journaled before it. Those that need
    a person's review are not among them.
    """
    ...
