"""Positions: open, change, exit in parts, close, look up."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from atb_db.repository.orders import Order
from atb_db.statement import command, query
from atb_db.types import NEW, NOW, UNSET, Number, PositionSide, PositionSideLabel, PositionStatus, Unset


class Position(NamedTuple):
    """A position with its orders.

    Sizes are fractions of the balance at entry, quantities units of the base asset, prices in quote currency, P&L in
    the session's base currency; mfe and mae are fractions of the entry price, unrealized_pnl_percent is percent.
    current_size and current_quantity are what is open or, of a CLOSED position, what its final exit closed. entry_price
    is the average price of the open quantity.
    """

    id: int
    """Identifier."""
    session_id: int
    """Session that holds the position."""
    symbol: str
    """Instrument."""
    side: PositionSide
    """LONG earns when the price rises, SHORT when it falls."""
    status: PositionStatus
    """OPEN or CLOSED."""
    entry_price: Decimal
    """Average entry price of the open quantity, in quote currency: scale-ins are weighted in."""
    entry_time: datetime
    """When the position was entered."""
    entry_balance: Decimal | None
    """Account balance at entry, in the session's base currency."""
    size: Decimal
    """Entered so far, as a fraction of the balance at entry: the original size and every scale-in."""
    original_size: Decimal
    """Size at entry, as a fraction of the balance at entry."""
    current_size: Decimal
    """Open size as a fraction of the balance at entry; of a CLOSED position what the final exit closed."""
    quantity: Decimal
    """Entered so far, in units of the base asset: the original quantity and every scale-in."""
    original_quantity: Decimal
    """Quantity at entry, in units of the base asset."""
    current_quantity: Decimal
    """Open quantity in units of the base asset; of a CLOSED position what the final exit closed."""
    entry_notional: Decimal
    """Sum of price x quantity over the entry and every scale-in, in quote currency."""
    partial_exits_taken: int
    """Number of partial exits so far."""
    scale_ins_taken: int
    """Number of scale-ins so far."""
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
    """P&L of the open quantity at current_price, in the session's base currency."""
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
    exit_price: Decimal | None
    """Price of the final exit, in quote currency; NULL while OPEN."""
    exit_time: datetime | None
    """When the position was closed; NULL while OPEN."""
    exit_reason: str | None
    """Why the position was closed; NULL while OPEN."""
    orders: tuple[Order, ...]
    """Orders of the position, oldest first."""


@command
def open_position(
    *,
    session_id: int,
    symbol: str,
    side: PositionSide | PositionSideLabel,
    entry_price: Number,
    size: Number,
    quantity: Number,
    strategy_name: str,
    entry_order_id: str,
    entry_time: datetime = NOW,
    entry_balance: Number | None = None,
    entry_commission: Number = 0,
    stop_loss: Number | None = None,
    take_profit: Number | None = None,
    trailing_stop: bool = False,
    confidence_score: Number | None = None,
    exchange: str | None = None,
    max_holding_until: datetime | None = None,
    end_of_day_exit: bool = False,
    weekend_exit: bool = False,
    time_restriction_group: str | None = None,
    request_id: UUID = NEW,
) -> int:
    """Open a position together with its filled ENTRY order, atomically; the position's id.

    size is the fraction of the balance that was committed (0.05 = 5 %), quantity the units of the base asset,
    entry_order_id the exchange's id of the entry order. entry_commission is noted on the order; close_position books
    the costs of the whole position.
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
) -> int:
    """Change the given fields of an open position; NULL clears one. The position's id.

    What is not given keeps its value; None stores NULL. Conflict when the position is closed, SessionClosed when its
    session is.
    """
    ...


@command
def apply_partial_exit(
    *,
    position_id: int,
    size: Number,
    price: Number,
    target_level: int | None = None,
    pnl: Number | None = None,
    timestamp: datetime = NOW,
    request_id: UUID = NEW,
) -> int:
    """Exit part of an open position, with a partial trade and a ledger entry, atomically; the partial trade's id.

    size is the fraction of the position's ORIGINAL size (0.25 = a quarter of what was first entered); more than is left
    is refused (InvalidInput). pnl is the part's gross P&L in the session's base currency; None computes it from the
    prices.
    """
    ...


@command
def apply_scale_in(
    *,
    position_id: int,
    size: Number,
    price: Number,
    target_level: int | None = None,
    timestamp: datetime = NOW,
    request_id: UUID = NEW,
) -> int:
    """Add to an open position, with a partial trade and the new average price, atomically; the partial trade's id.

    size is a fraction of the position's ORIGINAL size, price the price of the added quantity.
    """
    ...


@command
def close_position(
    *,
    position_id: int,
    exit_price: Number,
    exit_time: datetime = NOW,
    exit_reason: str,
    pnl: Number | None = None,
    commission: Number = 0,
    margin_interest_cost: Number = 0,
    exit_order_id: str | None = None,
    request_id: UUID = NEW,
) -> int:
    """Close a position: its exit data, FULL_EXIT order, trade, metrics and ledger entry, atomically; the trade's id.

    pnl is the gross P&L of what was still open, in the session's base currency; None computes it from the prices. The
    trade's pnl is that of the whole position, partial exits included; the ledger entry is what they have not booked
    yet, less commission and margin_interest_cost. Conflict when the position is already closed, SessionClosed when its
    session has ended.
    """
    ...


@query
def get_position(*, position_id: int) -> Position:
    """One position, open or closed, with its orders, oldest first."""
    ...


@query
def get_active_positions(*, session_id: int) -> list[Position]:
    """A session's open positions with their orders, both oldest first."""
    ...
