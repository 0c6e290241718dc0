"""Execution: what is open, what was partially exited, how well orders were filled, and which failed.

Filters are those of `reports`.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from atb_db.statement import query
from atb_db.types import OrderType, PartialOperationType, PositionSide, TradeSource


class OrderQuality(NamedTuple):
    """How well the orders of one type were filled.

    fill_rate = FILLED / (FILLED, CANCELLED, FAILED and EXPIRED), a fraction, None while none is final;
    partially_filled_orders are those that have fills without being FILLED, whatever their state. Slippage is how much
    worse than requested an order was filled, as a fraction of the requested price: positive when it bought for more or
    sold for less; slipped_orders have both prices, and slippage_cost is the sum over their filled quantity in quote
    currency. commission is in base currency.
    """

    order_type: OrderType
    total_orders: int
    filled_orders: int
    partially_filled_orders: int
    cancelled_orders: int
    failed_orders: int
    expired_orders: int
    unresolved_orders: int
    fill_rate: Decimal | None
    slipped_orders: int
    avg_slippage: Decimal | None
    worst_slippage: Decimal | None
    slippage_cost: Decimal
    commission: Decimal


class FailedOrder(NamedTuple):
    """An order that the exchange or the engine gave up; units as in Order."""

    id: int
    session_id: int
    position_id: int | None
    order_type: OrderType
    symbol: str
    side: PositionSide
    quantity: Decimal
    price: Decimal | None
    strategy_name: str | None
    exchange_order_id: str | None
    internal_order_id: str | None
    failure_reason: str | None
    created_at: datetime
    last_update: datetime


class PartialTrade(NamedTuple):
    """A partial exit or scale-in; size is a fraction of the ORIGINAL size, pnl is gross, None when scaling in."""

    id: int
    session_id: int
    position_id: int
    symbol: str
    side: PositionSide
    strategy_name: str
    operation_type: PartialOperationType
    size: Decimal
    quantity: Decimal
    price: Decimal
    pnl: Decimal | None
    target_level: int | None
    timestamp: datetime


class OpenPosition(NamedTuple):
    """An open position and what it would earn at current_price; units as in Position."""

    id: int
    session_id: int
    symbol: str
    side: PositionSide
    strategy_name: str
    entry_time: datetime
    entry_price: Decimal
    current_quantity: Decimal
    current_size: Decimal | None
    current_price: Decimal | None
    unrealized_pnl: Decimal | None
    unrealized_pnl_percent: Decimal | None
    realized_pnl: Decimal
    stop_loss: Decimal | None
    take_profit: Decimal | None
    last_update: datetime


@query
def get_order_quality(
    *,
    session_id: int | None = None,
    source: TradeSource | str | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[OrderQuality]:
    """How well orders were filled, by their type.

    Orders count by the moment of their creation.
    """
    ...


@query
def get_failed_orders(
    *,
    session_id: int | None = None,
    source: TradeSource | str | None = None,
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
    source: TradeSource | str | None = None,
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
    source: TradeSource | str | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
) -> list[OpenPosition]:
    """What is open and what it would earn now, oldest first."""
    ...
