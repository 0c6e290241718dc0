"""Execution: open positions, partial exits, failed orders, and how well orders were filled.

Filters are those of `reports`.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from atb_db.statement import query
from atb_db.types import OrderType, PartialOperationType, PositionSide, TradeSource, TradeSourceLabel


class OrderQuality(NamedTuple):
    """How well the orders of one type were filled.

    Slippage is how much worse than requested an order was filled, as a fraction of the requested price: positive if it
    bought for more or sold for less.
    """

    order_type: OrderType
    """What the order does to its position."""
    total_orders: int
    """Number of orders."""
    filled_orders: int
    """Number of orders that are FILLED."""
    partially_filled_orders: int
    """Number of orders with fills that are not FILLED, whatever their state."""
    cancelled_orders: int
    """Number of orders that are CANCELLED."""
    failed_orders: int
    """Number of orders that are FAILED."""
    expired_orders: int
    """Number of orders that are EXPIRED."""
    unresolved_orders: int
    """Number of orders that may still be filled."""
    fill_rate: Decimal | None
    """FILLED / (FILLED, CANCELLED, FAILED and EXPIRED), as a fraction; NULL while none is final."""
    slipped_orders: int
    """Number of orders with a requested and a filled price."""
    avg_slippage: Decimal | None
    """Their mean slippage, as a fraction of the requested price; positive = worse than requested."""
    worst_slippage: Decimal | None
    """Their largest slippage, as a fraction."""
    slippage_cost: Decimal
    """Sum of slippage x price x filled quantity, in quote currency."""
    commission: Decimal
    """Sum of commission, in the session's base currency."""


class FailedOrder(NamedTuple):
    """An order that failed, at the exchange or in the engine; units as in Order."""

    id: int
    """Identifier."""
    session_id: int
    """Session that sends the order."""
    position_id: int | None
    """Position that the order opens, grows, reduces or closes, of the same session; NULL until it is known."""
    order_type: OrderType
    """What the order does to its position."""
    symbol: str
    """Instrument."""
    side: PositionSide
    """Side of the position that the order belongs to: an exit of a LONG position is LONG too."""
    quantity: Decimal
    """Requested quantity, in units of the base asset; an estimate where quote_quantity was requested."""
    price: Decimal | None
    """Requested price, in quote currency; NULL for a market order."""
    strategy_name: str | None
    """Strategy that asked for the order."""
    exchange_order_id: str | None
    """The exchange's identifier; once per session and symbol."""
    internal_order_id: str | None
    """Our own identifier, sent as the client order id; once per session."""
    failure_reason: str | None
    """Why the order failed, was cancelled or expired."""
    created_at: datetime
    """When the order was journaled."""
    last_update: datetime
    """When the row last changed."""


class PartialTrade(NamedTuple):
    """A partial exit or scale-in; size is a fraction of the ORIGINAL size, pnl is gross, None when scaling in."""

    id: int
    """Identifier."""
    session_id: int
    """Session that holds the position."""
    position_id: int
    """Position that was made smaller or larger."""
    symbol: str
    """Instrument."""
    side: PositionSide
    """LONG earns when the price rises, SHORT when it falls."""
    strategy_name: str
    """Strategy that opened the position."""
    operation_type: PartialOperationType
    """PARTIAL_EXIT or SCALE_IN."""
    size: Decimal
    """Fraction of the position's ORIGINAL size (0.25 = a quarter of what was first entered)."""
    quantity: Decimal
    """The same in units of the base asset; less than was filled where a fee took more out of it."""
    price: Decimal
    """Average price of the order's fills, in quote currency."""
    pnl: Decimal | None
    """Gross P&L that a partial exit realised, in the session's base currency; NULL for a scale-in."""
    target_level: int | None
    """Index of the profit target or scale-in threshold, from 0."""
    timestamp: datetime
    """When it was executed."""


class OpenPosition(NamedTuple):
    """An open position and its P&L at current_price; units as in Position."""

    id: int
    """Identifier."""
    session_id: int
    """Session that holds the position."""
    symbol: str
    """Instrument."""
    side: PositionSide
    """LONG earns when the price rises, SHORT when it falls."""
    strategy_name: str
    """Strategy that opened the position."""
    entry_time: datetime
    """When the position was entered; of a PLANNED one when it was planned."""
    entry_price: Decimal
    """Average entry price of the open quantity, in quote currency, rounded to 24 digits; of a CLOSED position that of
    all entries, NULL while PLANNED.
    """
    current_quantity: Decimal
    """Open quantity in units of the base asset."""
    current_size: Decimal | None
    """Open, as a fraction of the balance at entry; NULL when the plan gave no size."""
    current_price: Decimal | None
    """Newest known market price, in quote currency."""
    unrealized_pnl: Decimal | None
    """P&L of the open quantity at current_price, in the session's base currency; NULL when it is not known: without a
    price, or without a rate from another settlement currency.
    """
    unrealized_pnl_percent: Decimal | None
    """The same in percent of the open quantity's entry value (5 = 5 %)."""
    realized_pnl: Decimal
    """Gross P&L of all exits so far, in the session's base currency; of a CLOSED position its whole result before
    costs.
    """
    stop_loss: Decimal | None
    """Price at which the position is closed at a loss, in quote currency."""
    take_profit: Decimal | None
    """Price at which the position is closed at a profit, in quote currency."""
    last_update: datetime
    """When the row last changed."""


@query
def get_order_quality(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[OrderQuality]:
    """How well orders were filled, by type.

    The time of creation decides whether an order is in the span.
    """
    ...


@query
def get_failed_orders(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
    limit: int = 50,
) -> list[FailedOrder]:
    """The newest orders that failed, newest first."""
    ...


@query
def get_recent_partial_trades(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
    limit: int = 50,
) -> list[PartialTrade]:
    """The newest partial exits and scale-ins, newest first."""
    ...


@query
def get_open_positions(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
) -> list[OpenPosition]:
    """Open positions with their P&L at the current price, oldest first."""
    ...
