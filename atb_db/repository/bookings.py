"""Positions booked at once with all their orders: what they may be, and what each report of them became."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from atb_db.statement import command
from atb_db.types import (
    NEW,
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


class NewOrder(NamedTuple):
    """An order of a position to be logged: `orders.create_order`'s arguments, with the same meanings and units."""

    order_type: OrderType | OrderTypeLabel
    """What the order does to its position."""
    symbol: str
    """Instrument."""
    side: PositionSide | PositionSideLabel
    """Side of the position that the order belongs to: an exit of a LONG position is LONG too."""
    quantity: Number
    """Requested quantity, in units of the base asset; an estimate where quote_quantity was requested."""
    internal_order_id: str
    """Our own identifier, sent as the client order id; once per session."""
    created_at: datetime
    """When the order was journaled."""
    entry: str | None = None
    """internal_order_id of the ENTRY order, logged with it, that plans its position; None for that one itself."""
    price: Number | None = None
    """Requested price, in quote currency; None for a market order."""
    exchange_order_id: str | None = None
    """The exchange's identifier; once per session and symbol."""
    strategy_name: str | None = None
    """Strategy that asked for the order."""
    target_level: int | None = None
    """Index of the profit target that the order serves, from 0."""
    reason: str | None = None
    """Why the order was sent; an exit's reason becomes the position's exit_reason."""
    size: Number | None = None
    """Fraction of the balance that an ENTRY order's quantity is (0.05 = 5 %)."""
    entry_balance: Number | None = None
    """Account balance at entry, in the session's base currency."""
    stop_loss: Number | None = None
    """Price at which the position is closed at a loss, in quote currency."""
    take_profit: Number | None = None
    """Price at which the position is closed at a profit, in quote currency."""
    trailing_stop: bool = False
    """Whether the position uses a trailing stop."""
    confidence_score: Number | None = None
    """The strategy's confidence at entry, from 0 to 1."""
    exchange: str | None = None
    """Exchange that holds the position."""
    leverage: Number | None = None
    """Notional / margin (3 = three times); None where it was not given."""
    liquidation_price: Number | None = None
    """Price at which the exchange closes the position, in quote currency; None = not known."""
    entry_tag: str | None = None
    """Signal or rule that opened the position, in the strategy's own words."""
    max_holding_until: datetime | None = None
    """When the position is closed at the latest."""
    end_of_day_exit: bool = False
    """Whether the position is closed before the trading day ends."""
    weekend_exit: bool = False
    """Whether the position is closed before the weekend."""
    time_restriction_group: str | None = None
    """Name of the rule set for time-based exits."""
    contract: ContractType | ContractTypeLabel = ContractType.LINEAR
    """How a price makes a value: LINEAR or INVERSE."""
    contract_size: Number = 1
    """Units of the base asset (LINEAR) or of the quote currency (INVERSE) in a quantity of 1; 1 for spot."""
    base_asset: str | None = None
    """Asset that is traded, such as BTC: a fee in it lowers the quantity."""
    settlement_currency: str | None = None
    """Currency in which the position's P&L falls due; None = as the symbol says, or the session's base currency."""
    settlement_rate: Number | None = None
    """Value of one unit of settlement_currency in the session's base currency."""
    allows_negative_prices: bool = False
    """Whether the instrument's price can be below zero."""


class NewReport(NamedTuple):
    """What became of an order that is logged, or of its position while it was open.

    With exchange_fill_id one execution, as `orders.record_fill` takes it; with funding or margin_interest_cost what its
    position received or paid, as `positions.record_funding` and `record_margin_interest` do; else the order as a whole,
    as `orders.update_order_status` does: quantity is the total so far, price its average and commission its fees.
    """

    internal_order_id: str
    """Our own identifier of the order."""
    timestamp: datetime
    """When it happened, by the exchange's clock."""
    exchange_fill_id: str | None = None
    """The exchange's identifier of the execution; once per order."""
    status: OrderStatus | OrderStatusLabel | None = None
    """State; moves forward only."""
    quantity: Number | None = None
    """Filled, in units of the base asset."""
    price: Number | None = None
    """At this price, in quote currency."""
    fee: Number | None = None
    """Fee as the exchange reported it, in fee_currency; negative for a rebate."""
    fee_currency: str | None = None
    """Currency of fee, such as BNB."""
    commission: Number | None = None
    """The fee in the session's base currency; negative for a rebate, None where it is not known."""
    pnl: Number | None = None
    """Gross P&L as it was reported, in the session's base currency; None = it follows from the prices."""
    settlement_rate: Number | None = None
    """Value of one unit of settlement currency in the session's base currency; None = that of the position."""
    failure_reason: str | None = None
    """Why the order failed, was cancelled or expired."""
    funding: Number | None = None
    """Funding, in the session's base currency: positive when received, negative when paid."""
    margin_interest_cost: Number | None = None
    """Interest paid on borrowed funds, in the session's base currency."""


class LoggedReport(NamedTuple):
    """What a report of `log_positions` became."""

    order_id: int
    """Identifier."""
    position_id: int
    """Position that the order opens, grows, reduces or closes, of the same session."""
    fill_id: int | None
    """Of a single execution its fill; None of any other report."""


@command
def log_positions(
    *, session_id: int, orders: Sequence[NewOrder], reports: Sequence[NewReport], request_id: UUID = NEW
) -> list[LoggedReport]:
    """Log positions with all their orders and what these were filled with, all or none; for each report what it became.

    Leaves what `orders.create_order` with status OPEN leaves of each order, and the reports one after the other in
    their order by the commands that they stand for: positions, fills, partial trades, trades, ledger and metrics. The
    positions may still be open at the end. The first order has the request's own id, the others count its last 48 bits
    up, then reports of funding and interest do.

    Conflict for what the single commands book, and this one does not: more exited than is held, anything of a position
    that is closed already, P&L in another currency for which neither pnl nor a rate is known. SessionClosed for a
    session that has ended.
    """
    ...
