"""Positions: open, change, exit in parts, close, look up."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from atb_db.repository.orders import Order
from atb_db.statement import command, query
from atb_db.types import (
    NEW,
    NOW,
    UNSET,
    ContractType,
    ContractTypeLabel,
    Number,
    PositionSide,
    PositionSideLabel,
    PositionStatus,
    Unset,
)


class Position(NamedTuple):
    """A position, open or closed, with its orders.

    Sizes are fractions of the balance at entry (None when the plan gave none), quantities units of the base asset,
    prices in quote currency, notionals and cost_basis in settlement currency, P&L, commission, interest and funding in
    the session's base currency; mfe and mae are fractions of the entry price, unrealized_pnl_percent is percent.
    entry_price is the average price of the open quantity, of a CLOSED position that of all entries.
    """

    id: int
    """Identifier."""
    session_id: int
    """Session that holds the position."""
    continues_position_id: int | None
    """Position that was closed before this one's entry was filled completely: a late fill of the same entry order."""
    symbol: str
    """Instrument."""
    side: PositionSide
    """LONG earns when the price rises, SHORT when it falls."""
    status: PositionStatus
    """PLANNED, OPEN or CLOSED."""
    contract: ContractType
    """How a price makes a value: LINEAR or INVERSE."""
    contract_size: Decimal
    """Units of the base asset (LINEAR) or of the quote currency (INVERSE) in a quantity of 1; 1 for spot."""
    entry_price: Decimal
    """Average entry price of the open quantity, in quote currency, rounded to 24 digits; of a CLOSED position that of
    all entries.
    """
    entry_time: datetime
    """When the position was entered; of a PLANNED one when it was planned."""
    entry_balance: Decimal | None
    """Account balance at entry, in the session's base currency."""
    size: Decimal | None
    """Entered so far, as a fraction of the balance at entry; NULL when the plan gave no size."""
    original_size: Decimal | None
    """Entered by entry orders, as a fraction of the balance at entry; NULL when the plan gave no size."""
    current_size: Decimal | None
    """Open, as a fraction of the balance at entry; NULL when the plan gave no size."""
    quantity: Decimal
    """Entered so far, in units of the base asset: the entry and every scale-in, less what fees took out of it."""
    original_quantity: Decimal
    """Entered by entry orders, in units of the base asset; below zero where a fee that became known later took more out
    of a continuing position than they entered.
    """
    current_quantity: Decimal
    """Open quantity in units of the base asset."""
    unbooked_quantity: Decimal
    """What its orders moved beyond what was held, in units of the base asset: the sum of its REST fills, without their
    sign. The next entry fill takes it up.
    """
    entry_notional: Decimal
    """Value of all entries at their prices, in settlement currency."""
    exit_notional: Decimal
    """Value of all exits at their prices, in settlement currency."""
    cost_basis: Decimal
    """What the open quantity was entered for, in settlement currency: each exit releases its share, the last one the
    rest.
    """
    partial_exits_taken: int
    """Number of partial exit orders that were filled at least in part."""
    scale_ins_taken: int
    """Number of scale-in orders that were filled at least in part."""
    last_partial_exit_price: Decimal | None
    """Price of the newest partial exit, in quote currency."""
    last_scale_in_price: Decimal | None
    """Price of the newest scale-in, in quote currency."""
    stop_loss: Decimal | None
    """Price at which the position is closed at a loss, in quote currency."""
    take_profit: Decimal | None
    """Price at which the position is closed at a profit, in quote currency."""
    trailing_stop: bool
    """Whether the position uses a trailing stop."""
    trailing_stop_activated: bool
    """Whether the trailing stop has begun to follow the price."""
    trailing_stop_price: Decimal | None
    """Where the trailing stop stands now, in quote currency."""
    breakeven_triggered: bool
    """Whether the stop was moved to the entry price."""
    last_update: datetime
    """When the row last changed."""
    current_price: Decimal | None
    """Newest known market price, in quote currency."""
    unrealized_pnl: Decimal | None
    """P&L of the open quantity at current_price, in the session's base currency; NULL when it is not known: without a
    price, or without a rate from another settlement currency.
    """
    unrealized_pnl_percent: Decimal | None
    """The same in percent of the open quantity's entry value (5 = 5 %)."""
    mfe: Decimal | None
    """Maximum favourable excursion since entry, as a fraction of the entry price."""
    mfe_price: Decimal | None
    """Price at the maximum favourable excursion, in quote currency."""
    mfe_time: datetime | None
    """When the maximum favourable excursion was reached."""
    mae: Decimal | None
    """Maximum adverse excursion since entry, as a fraction of the entry price."""
    mae_price: Decimal | None
    """Price at the maximum adverse excursion, in quote currency."""
    mae_time: datetime | None
    """When the maximum adverse excursion was reached."""
    strategy_name: str
    """Strategy that opened the position."""
    confidence_score: Decimal | None
    """The strategy's confidence at entry, from 0 to 1."""
    exchange: str | None
    """Exchange that holds the position."""
    leverage: Decimal | None
    """Notional / margin (3 = three times); NULL where it was not given."""
    liquidation_price: Decimal | None
    """Price at which the exchange closes the position, in quote currency, as it was last reported; NULL = not known."""
    entry_tag: str | None
    """Signal or rule that opened the position, in the strategy's own words; NULL where it was not given."""
    max_holding_until: datetime | None
    """When the position is closed at the latest."""
    end_of_day_exit: bool
    """Whether the position is closed before the trading day ends."""
    weekend_exit: bool
    """Whether the position is closed before the weekend."""
    time_restriction_group: str | None
    """Name of the rule set for time-based exits."""
    realized_pnl: Decimal
    """Gross P&L of all exits so far, in the session's base currency; of a CLOSED position its whole result before
    costs.
    """
    commission: Decimal
    """Fees of all fills so far, in the session's base currency; negative for a rebate."""
    margin_interest_cost: Decimal
    """Interest paid on borrowed funds so far, in the session's base currency."""
    funding: Decimal
    """Funding so far, in the session's base currency: positive when received, negative when paid."""
    exit_price: Decimal | None
    """Average price of all exits, in quote currency, rounded to 24 digits; NULL until CLOSED."""
    exit_time: datetime | None
    """When the position was closed; NULL until CLOSED."""
    exit_reason: str | None
    """Why the position was closed; NULL until CLOSED."""
    orders: tuple[Order, ...]


class PlannedPosition(NamedTuple):
    """A position whose entry order is journaled and not filled.

    planned_quantity is in units of the base asset, prices in quote currency, planned_size a fraction of the balance.
    """

    id: int
    """Identifier."""
    session_id: int
    """Session that holds the position."""
    symbol: str
    """Instrument."""
    side: PositionSide
    """LONG earns when the price rises, SHORT when it falls."""
    planned_quantity: Decimal
    """Quantity of the entry as it was planned, in units of the base asset."""
    planned_size: Decimal | None
    """What planned_quantity is as a fraction of the balance at entry; NULL when it was not given."""
    stop_loss: Decimal | None
    """Price at which the position is closed at a loss, in quote currency."""
    take_profit: Decimal | None
    """Price at which the position is closed at a profit, in quote currency."""
    trailing_stop: bool
    """Whether the position uses a trailing stop."""
    strategy_name: str
    """Strategy that opened the position."""
    planned_at: datetime
    """When the position was entered; of a PLANNED one when it was planned."""


@command
def open_position(
    *,
    session_id: int,
    symbol: str,
    side: PositionSide | PositionSideLabel,
    strategy_name: str,
    entry_price: Number | None = None,
    size: Number | None = None,
    quantity: Number | None = None,
    entry_order_id: str | None = None,
    order_id: int | None = None,
    internal_order_id: str | None = None,
    entry_time: datetime = NOW,
    entry_balance: Number | None = None,
    entry_commission: Number | None = None,
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
    unless_flag: str | None = None,
    token: UUID | None = None,
    request_id: UUID = NEW,
) -> int:
    """Open a position together with its filled ENTRY order, atomically; the position's id.

    The short form for paper, backtests and exchanges that report totals only: entry_price and quantity (units of the
    base asset) are needed, size is the fraction of the balance that was committed (0.05 = 5 %), entry_commission is
    booked at once, in the session's base currency. entry_order_id is the exchange's id of the entry order.

    Where the order is journaled (create_order), order_id, internal_order_id or entry_order_id names it, and it becomes
    the position's order: with its average price, quantity, fees and times; what of them is given and not known
    completes it. What it was filled with is a fact: other figures, and another contract than was planned, are a
    Conflict that shows both; a price or fee may be rounded to the digits that it is given with. More than the order's
    fills completes one that is not final. The contract is as in create_order.

    Halted when the control flag `unless_flag` is active and the order is made here; a journaled one was sent before.
    """
    ...


@command
def update_position(
    *,
    position_id: int,
    stop_loss: Number | None | Unset = UNSET,
    take_profit: Number | None | Unset = UNSET,
    trailing_stop: bool | Unset = UNSET,
    trailing_stop_activated: bool | Unset = UNSET,
    trailing_stop_price: Number | None | Unset = UNSET,
    breakeven_triggered: bool | Unset = UNSET,
    current_price: Number | None | Unset = UNSET,
    unrealized_pnl: Number | None | Unset = UNSET,
    unrealized_pnl_percent: Number | None | Unset = UNSET,
    mfe: Number | None | Unset = UNSET,
    mfe_price: Number | None | Unset = UNSET,
    mfe_time: datetime | None | Unset = UNSET,
    mae: Number | None | Unset = UNSET,
    mae_price: Number | None | Unset = UNSET,
    mae_time: datetime | None | Unset = UNSET,
    max_holding_until: datetime | None | Unset = UNSET,
    leverage: Number | None | Unset = UNSET,
    liquidation_price: Number | None | Unset = UNSET,
    last_update: datetime = NOW,
    token: UUID | None = None,
) -> int:
    """Change the given fields of an open position; NULL clears one. The position's id.

    Fields that are not given keep their values; None stores NULL. unrealized_pnl and its percent follow from
    current_price unless they are given. Conflict when the position is closed, SessionClosed when its session is.
    """
    ...


@command
def apply_partial_exit(
    *,
    position_id: int,
    size: Number | None = None,
    quantity: Number | None = None,
    price: Number | None = None,
    commission: Number | None = None,
    target_level: int | None = None,
    pnl: Number | None = None,
    settlement_rate: Number | None = None,
    reason: str | None = None,
    exchange_order_id: str | None = None,
    order_id: int | None = None,
    internal_order_id: str | None = None,
    timestamp: datetime = NOW,
    token: UUID | None = None,
    request_id: UUID = NEW,
) -> int:
    """Exit part of an open position, with a partial trade and a ledger entry, atomically; the partial trade's id.

    quantity is in units of the base asset, size the fraction of the position's ORIGINAL quantity (0.25 = a quarter of
    what was first entered); with neither, all that is left. More than is left is refused (InvalidInput); all that is
    left closes the position, for `reason`. pnl is the part's gross P&L in the session's base currency; None computes it
    from the prices. commission is booked with it. The id of a journaled order makes that one the exit's order, as in
    open_position.
    """
    ...


@command
def apply_scale_in(
    *,
    position_id: int,
    size: Number | None = None,
    quantity: Number | None = None,
    price: Number | None = None,
    commission: Number | None = None,
    target_level: int | None = None,
    exchange_order_id: str | None = None,
    order_id: int | None = None,
    internal_order_id: str | None = None,
    timestamp: datetime = NOW,
    unless_flag: str | None = None,
    token: UUID | None = None,
    request_id: UUID = NEW,
) -> int:
    """Add to an open position, with a partial trade and its share of the cost, atomically; the partial trade's id.

    quantity is in units of the base asset, size a fraction of the position's ORIGINAL quantity; price is that of the
    added quantity. The id of a journaled order makes that one the scale-in's order, as in open_position. Halted as
    there.
    """
    ...


@command
def close_position(
    *,
    position_id: int,
    exit_price: Number | None = None,
    exit_time: datetime = NOW,
    exit_reason: str,
    pnl: Number | None = None,
    settlement_rate: Number | None = None,
    commission: Number | None = None,
    margin_interest_cost: Number | None = None,
    exit_order_id: str | None = None,
    order_id: int | None = None,
    internal_order_id: str | None = None,
    token: UUID | None = None,
    request_id: UUID = NEW,
) -> int:
    """Close a position: its exit data, FULL_EXIT order, trade, metrics and ledger entry, atomically; the trade's id.

    pnl is the gross P&L of what was still open, in the session's base currency; None computes it from the prices.
    commission is that of this exit, margin_interest_cost interest that was not booked before; the trade carries the
    P&L, fees, interest and funding of the whole position, the ledger entry what had not been booked yet. The id of a
    journaled order (an exit, or a stop) makes that one the exit's order, as in open_position. Conflict when the
    position is already closed, SessionClosed when its session has ended.
    """
    ...


@command
def record_funding(
    *,
    position_id: int,
    amount: Number,
    reason: str = "funding",
    timestamp: datetime = NOW,
    token: UUID | None = None,
    request_id: UUID = NEW,
) -> Decimal:
    """Record funding that a position paid or received, with a ledger entry; the balance after.

    amount is in the session's base currency: positive when received, negative when paid. It is part of the position's
    net and of its trade's, also when it comes after the close. A request_id made from the exchange's id of the payment
    (request_id_of) records each payment once. InvalidInput for a timestamp before 2009.
    """
    ...


@command
def record_margin_interest(
    *,
    position_id: int,
    cost: Number,
    reason: str = "margin interest",
    timestamp: datetime = NOW,
    token: UUID | None = None,
    request_id: UUID = NEW,
) -> Decimal:
    """Record interest that a position's borrowed funds cost, with a ledger entry; the balance after.

    cost is in the session's base currency; it is part of the position's net and of its trade's. InvalidInput for a
    timestamp before 2009.
    """
    ...


@command
def correct_position_quantity(
    *,
    position_id: int,
    quantity: Number,
    reason: str,
    price: Number | None = None,
    timestamp: datetime = NOW,
    request_id: UUID = NEW,
) -> int:
    """Make a position hold what the exchange holds, with a reconciliation event; the position's id.

    quantity is what the exchange holds, in units of the base asset; 0 closes a position that was closed elsewhere. The
    difference becomes an order of its own, filled at `price`, or without one at the position's entry price, which makes
    no P&L: give the price where it is known. Ledger, trade and metrics follow.
    """
    ...


@command
def correct_entry_price(
    *,
    position_id: int,
    entry_price: Number,
    reason: str,
    timestamp: datetime = NOW,
    request_id: UUID = NEW,
) -> int:
    """Correct the average price of everything that a position entered, with a reconciliation event; the position's id.

    entry_price is in quote currency. The part that is still held costs the difference more or less; the exited
    part's share is P&L, booked at once; of a CLOSED position the trade and the metrics follow. Fills stay as reported.
    """
    ...


@command
def move_position_to_session(
    *, position_id: int, session_id: int, reason: str, timestamp: datetime = NOW, request_id: UUID = NEW
) -> int:
    """Move a position that is not closed to another session, with its orders and realised P&L; the position's id.

    For an operator: a position that stands in a session which is not carried on. Its orders, fills and partial trades
    go with it. So do its P&L, fees, funding and interest so far: they are part of the trade that closes it there. The
    balance of neither session changes: realised P&L stays in the balance where it was booked, which a pair of
    MOVE entries in the two ledgers shows. Both sessions get a reconciliation event.

    The session it leaves may have ended; the one it goes to is active, of the same mode and base currency. A position
    that is there already stays as it is. Conflict when it is closed, when it shares the fills of an order with the
    position that it continues, or when an order of that session has the id of one of its own. An engine that still
    works on it with the token of its old session is refused from then on (SessionHeld).
    """
    ...


@query
def get_planned_positions(*, session_id: int) -> list[PlannedPosition]:
    """A session's planned positions: nothing of their entry orders is filled, and it may still be; oldest first."""
    ...


@query
def get_position(*, position_id: int) -> Position:
    """One position, open or closed, with its orders, oldest first."""
    ...


@query
def get_active_positions(*, session_id: int) -> list[Position]:
    """A session's open positions with their orders, both oldest first."""
    ...
