"""Completed trades: log one, read them back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from atb_db.statement import command, query
from atb_db.types import NEW, Json, Number, PositionSide, TradeSource


class Trade(NamedTuple):
    """A completed trade.

    P&L and costs are in the session's base currency, net_pnl = pnl - commission - margin_interest_cost +
    funding; size, mfe and
    mae are fractions (0.05 = 5 %), pnl_percent is percent.
    """

    id: int
    session_id: int
    position_id: int | None
    symbol: str
    side: PositionSide
    source: TradeSource
    entry_price: Decimal
    exit_price: Decimal
    size: Decimal | None
    quantity: Decimal | None
    entry_time: datetime
    exit_time: datetime
    pnl: Decimal
    pnl_percent: Decimal
    commission: Decimal
    margin_interest_cost: Decimal
    funding: Decimal
    net_pnl: Decimal
    stop_loss: Decimal | None
    take_profit: Decimal | None
    exit_reason: str
    strategy_name: str
    confidence_score: Decimal | None
    order_id: str | None
    exchange: str | None
    timeframe: str | None
    mfe: Decimal | None
    mfe_price: Decimal | None
    mfe_time: datetime | None
    mae: Decimal | None
    mae_price: Decimal | None
    mae_time: datetime | None


class NewTrade(NamedTuple):
    """A completed trade to be logged: `log_trade`'s arguments, with the same meanings and units."""

    symbol: str
    side: PositionSide | str
    entry_price: Number
    exit_price: Number
    size: Number
    entry_time: datetime
    exit_time: datetime
    pnl: Number
    exit_reason: str
    strategy_name: str
    quantity: Number | None = None
    commission: Number = 0
    margin_interest_cost: Number = 0
    funding: Number = 0
    stop_loss: Number | None = None
    take_profit: Number | None = None
    strategy_config: Json | None = None
    confidence_score: Number | None = None
    order_id: str | None = None
    exchange: str | None = None
    timeframe: str | None = None
    mfe: Number | None = None
    mfe_price: Number | None = None
    mfe_time: datetime | None = None
    mae: Number | None = None
    mae_price: Number | None = None
    mae_time: datetime | None = None


@command
def log_trade(
    *,
    session_id: int,
    symbol: str,
    side: PositionSide | str,
    entry_price: Number,
    exit_price: Number,
    size: Number,
    entry_time: datetime,
    exit_time: datetime,
    pnl: Number,
    exit_reason: str,
    strategy_name: str,
    quantity: Number | None = None,
    commission: Number = 0,
    margin_interest_cost: Number = 0,
    funding: Number = 0,
    stop_loss: Number | None = None,
    take_profit: Number | None = None,
    strategy_config: Json | None = None,
    confidence_score: Number | None = None,
    order_id: str | None = None,
    exchange: str | None = None,
    timeframe: str | None = None,
    mfe: Number | None = None,
    mfe_price: Number | None = None,
    mfe_time: datetime | None = None,
    mae: Number | None = None,
    mae_price: Number | None = None,
    mae_time: datetime | None = None,
    token: UUID | None = None,
    request_id: UUID = NEW,
) -> int:
    """Log a completed trade that has no position, with its metrics and ledger entry, atomically; the trade's id.

    For backtests and imports; a position's trade is logged by close_position. pnl is gross, in the session's base
    currency; the balance changes by pnl - commission - margin_interest_cost + funding. The trade counts on the UTC day
    of its exit_time, which is the entry_time where it lies before that (a clock that was set back). With an order_id (the exchange's) that the session knows, it is the trade of that order: nothing
    is recorded, and the id is that trade's.
    """
    ...


@command
def log_trades(
    *, session_id: int, trades: Sequence[NewTrade], token: UUID | None = None, request_id: UUID = NEW
) -> list[int]:
    """Log completed trades that have no positions, in their order, all or none, as log_trade does each; their ids.

    One statement for a backtest's thousands of trades: the ledger has an entry for each of them, and the metrics are
    those of logging one after the other. Ten thousand at a time take about half a second.
    """
    ...


@query
def get_recent_trades(*, session_id: int, limit: int = 50) -> list[Trade]:
    """A session's newest trades by exit time, newest first."""
    ...


@query
def get_trades_since(*, session_id: int, since: datetime) -> list[Trade]:
    """A session's trades that were closed at or after a moment, oldest first."""
    ...
