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
    session_id: int
    symbol: str
    side: PositionSide
    status: PositionStatus
    entry_price: Decimal
    entry_time: datetime
    entry_balance: Decimal | None
    size: Decimal
    original_size: Decimal
    current_size: Decimal
    quantity: Decimal
    original_quantity: Decimal
    current_quantity: Decimal
    entry_notional: Decimal
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
    exit_price: Decimal | None
    exit_time: datetime | None
    exit_reason: str | None
    orders: tuple[Order, ...]


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
