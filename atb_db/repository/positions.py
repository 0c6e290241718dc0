"""Positions: open, change, exit in parts, close, look up."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from atb_db.repository.orders import Order
from atb_db.statement import command, query
from atb_db.types import NEW, NOW, UNSET, ContractType, Number, PositionSide, PositionStatus, Unset


class Position(NamedTuple):
    """A position, open or closed, with its orders.

    Sizes are fractions of the balance at entry (None when the plan gave none), quantities units of the base asset,
    prices in quote currency, notionals and cost_basis in settlement currency, P&L, commission, interest and funding in
    the session's base currency; mfe and mae are fractions of the entry price, unrealized_pnl_percent is percent.
    entry_price is the average price of the open quantity, of a CLOSED position that of all entries.
    """

    id: int
    session_id: int
    continues_position_id: int | None
    symbol: str
    side: PositionSide
    status: PositionStatus
    contract: ContractType
    contract_size: Decimal
    entry_price: Decimal
    entry_time: datetime
    entry_balance: Decimal | None
    size: Decimal | None
    original_size: Decimal | None
    current_size: Decimal | None
    quantity: Decimal
    original_quantity: Decimal
    current_quantity: Decimal
    unbooked_quantity: Decimal
    entry_notional: Decimal
    exit_notional: Decimal
    cost_basis: Decimal
    partial_exits_taken: int
    scale_ins_taken: int
    last_partial_exit_price: Decimal | None
    last_scale_in_price: Decimal | None
    stop_loss: Decimal | None
    take_profit: Decimal | None
    trailing_stop: bool
    trailing_stop_activated: bool
    trailing_stop_price: Decimal | None
    breakeven_triggered: bool
    last_update: datetime
    current_price: Decimal | None
    unrealized_pnl: Decimal | None
    unrealized_pnl_percent: Decimal | None
    mfe: Decimal | None
    mfe_price: Decimal | None
    mfe_time: datetime | None
    mae: Decimal | None
    mae_price: Decimal | None
    mae_time: datetime | None
    strategy_name: str
    confidence_score: Decimal | None
    exchange: str | None
    max_holding_until: datetime | None
    end_of_day_exit: bool
    weekend_exit: bool
    time_restriction_group: str | None
    realized_pnl: Decimal
    commission: Decimal
    margin_interest_cost: Decimal
    funding: Decimal
    exit_price: Decimal | None
    exit_time: datetime | None
    exit_reason: str | None
    orders: tuple[Order, ...]


class PlannedPosition(NamedTuple):
    """A position whose entry order is journaled and not filled.

    planned_quantity is in units of the base asset, prices in quote currency, planned_size a fraction of the balance.
    """

    id: int
    session_id: int
    symbol: str
    side: PositionSide
    planned_quantity: Decimal
    planned_size: Decimal | None
    stop_loss: Decimal | None
    take_profit: Decimal | None
    trailing_stop: bool
    strategy_name: str
    planned_at: datetime


@command
def open_position(
    *,
    session_id: int,
    symbol: str,
    side: PositionSide | str,
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
    token: UUID | None = None,
    request_id: UUID = NEW,
) -> int:
    """Open a position together with its filled ENTRY order, atomically; the position's id.

    The short form for paper, backtests and exchanges that report totals only: entry_price and quantity (units of the
    base asset) are needed, size is the fraction of the balance that was committed (0.05 = 5 %), entry_commission is
    booked at once, in the session's base currency. entry_order_id is the exchange's id of the entry order.

    Where the order is journaled (create_order), order_id, internal_order_id or entry_order_id names it, and it becomes
    the position's order: with its average price, quantity, fees and times, unless they are given. The contract is as in
    create_order.
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
    last_update: datetime = NOW,
    token: UUID | None = None,
) -> int:
    """Change the given fields of an open position; NULL clears one. The position's id.

    What is not given keeps its value; None stores NULL. unrealized_pnl and its percent follow from current_price unless
    they are given. Conflict when the position is closed, SessionClosed when its session is.
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
    token: UUID | None = None,
    request_id: UUID = NEW,
) -> int:
    """Add to an open position, with a partial trade and its share of the cost, atomically; the partial trade's id.

    quantity is in units of the base asset, size a fraction of the position's ORIGINAL quantity; price is that of the
    added quantity. The id of a journaled order makes that one the scale-in's order, as in open_position.
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
    (request_id_of) records each payment once.
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

    cost is in the session's base currency; it is part of the position's net and of its trade's.
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

    entry_price is in quote currency. What is still held costs the difference more or less; the share of what was exited
    is P&L, booked at once; of a CLOSED position the trade and the metrics follow. Fills stay as they were reported.
    """
    ...


@command
def move_position_to_session(
    *, position_id: int, session_id: int, reason: str, timestamp: datetime = NOW, request_id: UUID = NEW
) -> int:
    """Move a position that is not closed to another session, with its orders and what it has realised; the position's id.

    For an operator: a position that stands in a session which is not carried on. Its orders, fills and partial trades go
    with it; so do its P&L, fees, funding and interest so far, which become part of the trade that closes it there. The
    balance of neither session changes: what was realised stays in the balance where it was booked, and a pair of MOVE
    entries in the two ledgers says so. Reconciliation events in both sessions tell of it.

    The session it leaves may have ended, the one it goes to is active, of the same mode and base currency. The position
    is where it was asked to be if it is there already. Conflict when it is closed, when it shares the fills of an order
    with the position that it continues, or when an order of that session has the id of one of its own. An engine that
    still works on it with the token of its old session is refused from then on (SessionHeld).
    """
    ...


@query
def get_planned_positions(*, session_id: int) -> list[PlannedPosition]:
    """A session's planned positions: their entry orders are journaled and nothing of them is filled; oldest first."""
    ...


@query
def get_position(*, position_id: int) -> Position:
    """One position, open or closed, with its orders, oldest first."""
    ...


@query
def get_active_positions(*, session_id: int) -> list[Position]:
    """A session's open positions with their orders, both oldest first."""
    ...
