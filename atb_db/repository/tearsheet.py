"""What a tear sheet shows beside the figures of `metrics`, `reports` and `execution`: scope, days, distributions.

Filters are those of `reports`. Statements about single trades look at the `newest` trades
of each session in the span, and of these at the chosen ones.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from atb_db.statement import query
from atb_db.types import TradeSource, TradeSourceLabel


class Scope(NamedTuple):
    """The sessions that figures are about; a text is None where they have not all the same.

    Balances are sums; without a base_currency they add up different currencies and mean nothing.
    """

    total_sessions: int
    """Number of sessions."""
    active_sessions: int
    """Number of sessions that have not ended."""
    session_name: str | None
    """Name of the only session; None if there are several."""
    mode: TradeSource | None
    """Where the money is: LIVE, BACKTEST or PAPER."""
    strategy_name: str | None
    """Strategy of the sessions."""
    symbol: str | None
    """Instrument of the sessions."""
    timeframe: str | None
    """Length of one candle, such as 1h."""
    exchange: str | None
    """Exchange that executes the orders."""
    base_currency: str | None
    """Currency of every amount."""
    start_time: datetime | None
    """When the first of them began; None if there are none."""
    end_time: datetime | None
    """When the last of them ended; None while one is active."""
    initial_balance: Decimal
    """Sum of their balances at their starts, in base currency."""
    current_balance: Decimal
    """Sum of their balances now, in base currency."""


class DayEquity(NamedTuple):
    """The equity at the end of one UTC day; a day without news has the one before.

    rolling_volatility and rolling_sharpe_ratio are those of PerformanceMetrics over the 30 days up to this one, None
    before there are so many returns.
    """

    day: datetime
    """First moment of the UTC day."""
    equity: Decimal
    """Equity at its end, in base currency."""
    transferred: Decimal
    """Deposits less withdrawals since the opening, in base currency."""
    daily_return: Decimal | None
    """Equity / equity of the day before - 1, transfers left out, as a fraction; NULL where nothing was there to earn
    on.
    """
    max_drawdown: Decimal | None
    """Largest drawdown of the day, from the highest equity so far, as a fraction; NULL on a day without news."""
    rolling_volatility: Decimal | None
    """Sample standard deviation of the daily returns x sqrt(365), as a fraction."""
    rolling_sharpe_ratio: Decimal | None
    """Mean daily return / its sample standard deviation x sqrt(365)."""


class PnlBucket(NamedTuple):
    """The trades with lower <= net P&L < upper, in base currency; a bucket without trades has no row.

    The first and the last bucket also hold the 1 % of the trades beyond each of them, as smallest and largest show.
    """

    lower: Decimal
    """Least net P&L of the bucket."""
    upper: Decimal
    """Net P&L from which on the next bucket counts."""
    total_trades: int
    """Number of trades."""
    net_pnl: Decimal
    """Their net P&L together."""
    smallest: Decimal
    """Smallest net P&L of one of them."""
    largest: Decimal
    """Largest net P&L of one of them."""


class HoldingTime(NamedTuple):
    """The trades that were held for from_seconds or longer, and less than to_seconds; every span has a row."""

    from_seconds: int
    """Shortest time from entry to exit, in seconds."""
    to_seconds: int | None
    """Time from entry to exit from which on the next span counts, in seconds; NULL in the last."""
    total_trades: int
    """Number of trades."""
    winning_trades: int
    """Number of trades with pnl > 0."""
    losing_trades: int
    """Number of trades with pnl < 0."""
    net_pnl: Decimal
    """Their net P&L together, in base currency."""


class Excursion(NamedTuple):
    """How far a trade went: mfe and mae are fractions of the entry price, pnl_percent is percent."""

    trade_id: int
    """Identifier of the trade."""
    symbol: str
    """Instrument."""
    exit_time: datetime
    """When the final exit happened."""
    mfe: Decimal
    """Maximum favourable excursion, as a fraction of the entry price."""
    mae: Decimal
    """Maximum adverse excursion, as a fraction of the entry price."""
    pnl_percent: Decimal
    """Gross P&L in percent of everything entered (5 = 5 %)."""
    net_pnl: Decimal
    """Net P&L, in base currency."""


class Definition(NamedTuple):
    """What a column of a view of the schema `reporting` means."""

    view_name: str
    """View, such as performance."""
    column_name: str
    """Its column, such as win_rate."""
    definition: str
    """The column's comment, with its unit."""


@query
def get_scope(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
) -> Scope:
    """What figures are about: the chosen sessions in one row, with what they have in common."""
    ...


@query
def get_daily_equity(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[DayEquity]:
    """The equity at the end of every UTC day, its return, and volatility and Sharpe ratio of 30 days up to it.

    PerformanceMetrics defines equity and its daily returns.
    """
    ...


@query
def get_pnl_distribution(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    buckets: int = 40,
    newest: int = 20_000,
) -> list[PnlBucket]:
    """How the net P&L of the newest trades is distributed, in equal buckets from the least to the greatest.

    Their width is the next of 1, 2 or 5 times a power of ten that needs no more than `buckets` (and two more) from the
    1st to the 99th percentile; zero is an edge.
    """
    ...


@query
def get_holding_times(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    newest: int = 20_000,
) -> list[HoldingTime]:
    """How long the newest trades were held, shortest first."""
    ...


@query
def get_excursions(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    points: int = 500,
    newest: int = 20_000,
) -> list[Excursion]:
    """How far the newest trades went in their favour and against them, at most `points` of them, oldest first.

    Where there are more, evenly spaced ones are taken. Trades without excursions are left out.
    """
    ...


@query
def get_definitions() -> list[Definition]:
    """What every column of the schema reporting means, as its comment says."""
    ...
