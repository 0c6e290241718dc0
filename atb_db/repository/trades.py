"""Completed trades: log one, read them back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from atb_db.statement import command, query
from atb_db.types import NEW, Json, Number, PositionSide, PositionSideLabel, TradeSource


class Trade(NamedTuple):
    """A completed trade.

    P&L and costs are in the session's base currency, net_pnl = pnl - commission - margin_interest_cost +
    funding; size, mfe and
    mae are fractions (0.05 = 5 %), pnl_percent is percent.
    """

    id: int
    """Identifier."""
    session_id: int
    """Session that traded."""
    position_id: int | None
    """Position that was closed, of the same session; NULL for a trade logged without one."""
    symbol: str
    """Instrument."""
    side: PositionSide
    """LONG or SHORT."""
    source: TradeSource
    """The session's mode: LIVE, BACKTEST or PAPER."""
    entry_price: Decimal
    """Average price of all entries, in quote currency."""
    exit_price: Decimal
    """Average price of all exits, in quote currency."""
    size: Decimal | None
    """Everything entered, as a fraction of the balance at entry; NULL when it was not given."""
    quantity: Decimal | None
    """Everything entered, in units of the base asset."""
    entry_time: datetime
    """When the position was entered."""
    exit_time: datetime
    """When the final exit happened; its UTC day is the trade's day."""
    pnl: Decimal
    """Gross P&L of all exits together, in the session's base currency."""
    pnl_percent: Decimal
    """pnl in percent of everything entered (price x quantity); without a quantity, the price's move in the trade's
    favour (5 = 5 %).
    """
    commission: Decimal
    """Fees of all fills, in the session's base currency; negative for a rebate."""
    margin_interest_cost: Decimal
    """Interest paid on borrowed funds, in the session's base currency."""
    funding: Decimal
    """Funding while the position was open, in the session's base currency: positive when received, negative when paid.
    """
    net_pnl: Decimal
    """pnl - commission - margin_interest_cost + funding, in the session's base currency."""
    stop_loss: Decimal | None
    """Stop price at the exit, in quote currency."""
    take_profit: Decimal | None
    """Target price at the exit, in quote currency."""
    exit_reason: str
    """Why the trade was closed."""
    strategy_name: str
    """Strategy that traded."""
    confidence_score: Decimal | None
    """The strategy's confidence at entry, from 0 to 1."""
    order_id: str | None
    """The exchange's identifier of the exit order."""
    exchange: str | None
    """Exchange that executed the trade."""
    timeframe: str | None
    """Length of one candle, such as 1h."""
    mfe: Decimal | None
    """Maximum favourable excursion, as a fraction of the entry price."""
    mfe_price: Decimal | None
    """Price at the maximum favourable excursion, in quote currency."""
    mfe_time: datetime | None
    """When the maximum favourable excursion was reached."""
    mae: Decimal | None
    """Maximum adverse excursion, as a fraction of the entry price."""
    mae_price: Decimal | None
    """Price at the maximum adverse excursion, in quote currency."""
    mae_time: datetime | None
    """When the maximum adverse excursion was reached."""
    leverage: Decimal | None
    """Notional / margin (3 = three times); NULL where it was not given."""
    entry_tag: str | None
    """Signal or rule that opened the position, in the strategy's own words; NULL where it was not given."""


class NewTrade(NamedTuple):
    """A completed trade to be logged: `log_trade`'s arguments, with the same meanings and units."""

    symbol: str
    """Instrument."""
    side: PositionSide | PositionSideLabel
    """LONG or SHORT."""
    entry_price: Number
    """Average price of all entries, in quote currency."""
    exit_price: Number
    """Average price of all exits, in quote currency."""
    size: Number
    """Everything entered, as a fraction of the balance at entry; NULL when it was not given."""
    entry_time: datetime
    """When the position was entered."""
    exit_time: datetime
    """When the final exit happened; its UTC day is the trade's day."""
    pnl: Number
    """Gross P&L of all exits together, in the session's base currency."""
    exit_reason: str
    """Why the trade was closed."""
    strategy_name: str
    """Strategy that traded."""
    quantity: Number | None = None
    """Everything entered, in units of the base asset."""
    commission: Number = 0
    """Fees of all fills, in the session's base currency; negative for a rebate."""
    margin_interest_cost: Number = 0
    """Interest paid on borrowed funds, in the session's base currency."""
    funding: Number = 0
    """Funding while the position was open, in the session's base currency: positive when received, negative when paid.
    """
    stop_loss: Number | None = None
    """Stop price at the exit, in quote currency."""
    take_profit: Number | None = None
    """Target price at the exit, in quote currency."""
    strategy_config: Json | None = None
    """Configuration of the strategy; NULL = that of the session, which stays as it was at the start."""
    confidence_score: Number | None = None
    """The strategy's confidence at entry, from 0 to 1."""
    order_id: str | None = None
    """The exchange's identifier of the exit order."""
    exchange: str | None = None
    """Exchange that executed the trade."""
    timeframe: str | None = None
    """Length of one candle, such as 1h."""
    mfe: Number | None = None
    """Maximum favourable excursion, as a fraction of the entry price."""
    mfe_price: Number | None = None
    """Price at the maximum favourable excursion, in quote currency."""
    mfe_time: datetime | None = None
    """When the maximum favourable excursion was reached."""
    mae: Number | None = None
    """Maximum adverse excursion, as a fraction of the entry price."""
    mae_price: Number | None = None
    """Price at the maximum adverse excursion, in quote currency."""
    mae_time: datetime | None = None
    """When the maximum adverse excursion was reached."""
    leverage: Number | None = None
    """Notional / margin (3 = three times); NULL where it was not given."""
    entry_tag: str | None = None
    """Signal or rule that opened the position, in the strategy's own words; NULL where it was not given."""


@command
def log_trade(
    *,
    session_id: int,
    symbol: str,
    side: PositionSide | PositionSideLabel,
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
    leverage: Number | None = None,
    entry_tag: str | None = None,
    token: UUID | None = None,
    request_id: UUID = NEW,
) -> int:
    """Log a completed trade that has no position, with its metrics and ledger entry, atomically; the trade's id.

    For backtests and imports; a position's trade is logged by close_position. pnl is gross, in the session's base
    currency; the balance changes by pnl - commission - margin_interest_cost + funding. The trade counts on the UTC day
    of its exit_time; one before the entry_time, by a clock that was set back, is stored as the entry_time. With an
    order_id (the exchange's) that the session knows, it is the trade of that order: nothing is recorded, and the id is
    that trade's.
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
