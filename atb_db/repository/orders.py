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
    ContractType,
    ContractTypeLabel,
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
    filled_quantity, filled_price and commission follow from the fills, or from the reported total while that is more.
    """

    id: int
    """Identifier."""
    session_id: int
    """Session that sends the order."""
    position_id: int | None
    """Position that the order opens, grows, reduces or closes, of the same session; NULL until it is known."""
    order_type: OrderType
    """What the order does to its position."""
    status: OrderStatus
    """State; moves forward only."""
    symbol: str
    """Instrument."""
    side: PositionSide
    """Side of the position that the order belongs to: an exit of a LONG position is LONG too."""
    quantity: Decimal
    """Requested quantity, in units of the base asset; an estimate where quote_quantity was requested."""
    quote_quantity: Decimal | None
    """Requested amount in quote currency, of a market order by amount; NULL for an order by quantity."""
    price: Decimal | None
    """Requested price, in quote currency; NULL for a market order."""
    filled_quantity: Decimal
    """Filled so far, in units of the base asset: the sum of the single fills, or the reported total while that is more.
    """
    filled_price: Decimal | None
    """Average price of the fills, in quote currency; NULL while none is known."""
    commission: Decimal
    """Fees charged for the fills, in the session's base currency; negative for a rebate."""
    is_overfilled: bool
    """Whether more was filled than was ordered by quantity."""
    needs_review: bool
    """Whether a person must look at the order: it is no longer returned as pending."""
    exchange_order_id: str | None
    """The exchange's identifier; once per session and symbol."""
    internal_order_id: str | None
    """Our own identifier, sent as the client order id; once per session."""
    replaced_order_id: int | None
    """Order that this one was sent in place of, of the same session."""
    strategy_name: str | None
    """Strategy that asked for the order."""
    target_level: int | None
    """Index of the profit target that the order serves, from 0."""
    size_fraction: Decimal | None
    """Fraction of the position's original size that the order moves."""
    reason: str | None
    """Why the order was sent; an exit's reason becomes the position's exit_reason."""
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
    """One execution of an order as the exchange reported it, and what it moved in the position.

    quantity and booked_quantity are in units of the base asset, price in quote currency, fee in fee_currency,
    commission and pnl in the session's base currency. commission is None until it is known. is_booked is False while no
    position has taken the fill up.
    """

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
    fee: Decimal | None
    """Fee as the exchange reported it, in fee_currency; negative for a rebate, NULL when it was not reported in a
    currency.
    """
    fee_currency: str | None
    """Currency of fee, such as BNB."""
    commission: Decimal | None
    """The fee in the session's base currency; negative for a rebate, NULL until it is known."""
    filled_at: datetime
    """When it was executed, by the exchange's clock."""
    position_id: int | None
    """Position that took it up: that of the order, or the one that continues it; NULL while the order has none."""
    is_booked: bool
    """Whether a position has taken it up."""
    booked_quantity: Decimal
    """What it moved in the position, in units of the base asset: the change of what the order has filled, without fees
    in the base asset; 0 for a mere correction of the price.
    """
    pnl: Decimal
    """Gross P&L that it realised, in the session's base currency."""


class UnbookedOrder(NamedTuple):
    """An order that was filled with something which is in no position; quantities in units of the base asset."""

    order_id: int
    """Identifier."""
    position_id: int | None
    """Position that the order opens, grows, reduces or closes, of the same session; NULL until it is known."""
    order_type: OrderType
    """What the order does to its position."""
    status: OrderStatus
    """State; moves forward only."""
    symbol: str
    """Instrument."""
    side: PositionSide
    """Side of the position that the order belongs to: an exit of a LONG position is LONG too."""
    filled_quantity: Decimal
    """Filled so far, in units of the base asset: the sum of the single fills, or the reported total while that is more.
    """
    booked_quantity: Decimal
    """What of it is in a position."""
    filled_price: Decimal | None
    """Average price of the fills, in quote currency; NULL while none is known."""
    exchange_order_id: str | None
    """The exchange's identifier; once per session and symbol."""
    internal_order_id: str | None
    """Our own identifier, sent as the client order id; once per session."""
    filled_at: datetime | None
    """When the newest fill happened."""


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
    quote_quantity: Number | None = None,
    position_id: int | None = None,
    status: OrderStatus | OrderStatusLabel = OrderStatus.PENDING,
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
    leverage: Number | None = None,
    liquidation_price: Number | None = None,
    entry_tag: str | None = None,
    max_holding_until: datetime | None = None,
    end_of_day_exit: bool = False,
    weekend_exit: bool = False,
    time_restriction_group: str | None = None,
    contract: ContractType | ContractTypeLabel = ContractType.LINEAR,
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
    allows_negative_prices say what is traded; without them it is spot or a linear contract in the currency that a
    symbol of the form BASE/QUOTE or BASE/QUOTE:SETTLE names, or else in the session's base currency.

    Halted when the control flag `unless_flag`, or the session's own of that name, is active; SessionHeld when `token`
    no longer holds the session; Conflict when another order has one of the ids, with that order.
    """
    ...


@command
def update_order_status(
    *,
    order_id: int | None = None,
    session_id: int | None = None,
    internal_order_id: str | None = None,
    exchange_order_id: str | None = None,
    status: OrderStatus | OrderStatusLabel | None = None,
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
    """Report an order as a whole, as the exchange shows it; fields that are not given stay. The order's id.

    The order is named by order_id, or in its session by internal_order_id, or else (also where that is no order's) by
    exchange_order_id; given beside one of the first two, exchange_order_id is the id that the order has now. Another
    one than before is that of an amended order, and the former is kept. quantity and price are amended ones.

    filled_quantity is the total so far, filled_price its average, commission its fees: new parts of them are booked
    into the order's position. FILLED without a quantity means all of it when no fill is known, without a price at the
    requested one. Single fills take the total's place as soon as they reach it. Nothing that the exchange did is
    refused: a state that would go back, or leave a final one, stays as it is, and a fill after the end is booked with a
    WARNING event; so is an order that was EXPIRED or FAILED here and that the exchange has after all. pnl or
    settlement_rate complete P&L for which no rate was known. needs_review takes an order out of the pending ones until
    it is taken back, or the exchange reports another state than UNKNOWN. Also of a session that has ended.
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
    completes a fee, commission or P&L that was not known, and is a Conflict with other figures. InvalidInput for a
    filled_at before 2009. A fill after the order's end, or beyond its quantity, is booked and visible (a WARNING event,
    is_overfilled). Also of a session that has ended: an exchange may report late. P&L in another currency for which
    neither pnl nor a rate is known is left out of the books (a WARNING event, `unconverted` in the audit), until the
    same fill is recorded again with one of them.
    """
    ...


@command
def link_order_to_position(
    *,
    order_id: int | None = None,
    session_id: int | None = None,
    internal_order_id: str | None = None,
    exchange_order_id: str | None = None,
    position_id: int,
    timestamp: datetime = NOW,
    token: UUID | None = None,
) -> int:
    """Say which position an order belongs to, and book what it was filled with; the order's id.

    The order is named by order_id, or in its session by internal_order_id or exchange_order_id. Both are of the same
    session, which may have ended. Conflict when the order belongs to another position.
    """
    ...


@command
def expire_stale_orders(
    *, session_id: int, created_before: datetime, timestamp: datetime = NOW, token: UUID | None = None
) -> int:
    """Expire a session's orders that are still PENDING and were journaled before a moment; how many there were.

    For after the reconciliation: ask the exchange for each of get_pending_orders first, record what it knows, and
    expire the rest. What it may know of (OPEN, PARTIALLY_FILLED, UNKNOWN) stays. One order expires by
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
