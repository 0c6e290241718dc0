"""Reports: what was earned, by what and when, how far it fell, and how much room the books take.

Filters are alike everywhere: None does not filter, and without a session_id all sessions count together but those of
verification; start is the first moment of a span and end the first after it.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from atb_db.statement import query
from atb_db.types import MetricPeriod, MetricPeriodLabel, TradeSource, TradeSourceLabel


class ExitReasonPnl(NamedTuple):
    """The trades that ended for one reason; amounts are in the sessions' base currency, win_rate is a fraction."""

    exit_reason: str
    total_trades: int
    winning_trades: int
    losing_trades: int
    win_rate: Decimal
    gross_pnl: Decimal
    costs: Decimal
    """Commission and margin interest."""
    net_pnl: Decimal


class StrategyPnl(NamedTuple):
    """The trades of one strategy; units as in ExitReasonPnl."""

    strategy_name: str
    total_trades: int
    winning_trades: int
    losing_trades: int
    win_rate: Decimal
    gross_pnl: Decimal
    costs: Decimal
    """Commission and margin interest."""
    net_pnl: Decimal


class SymbolPnl(NamedTuple):
    """The trades in one symbol; units as in ExitReasonPnl."""

    symbol: str
    total_trades: int
    winning_trades: int
    losing_trades: int
    win_rate: Decimal
    gross_pnl: Decimal
    costs: Decimal
    """Commission and margin interest."""
    net_pnl: Decimal


class PeriodPnl(NamedTuple):
    """The trades that were closed in one UTC day, ISO week (from Monday) or month; units as in ExitReasonPnl."""

    period_start: datetime
    total_trades: int
    winning_trades: int
    losing_trades: int
    win_rate: Decimal
    gross_pnl: Decimal
    costs: Decimal
    """Commission and margin interest."""
    net_pnl: Decimal


class EquityPoint(NamedTuple):
    """The equity at a moment and its peak so far, in base currency; drawdown is a fraction of the peak."""

    timestamp: datetime
    equity: Decimal
    peak: Decimal
    drawdown: Decimal


class Drawdown(NamedTuple):
    """The equity's way from a peak to its lowest point and back; drawdown = (peak - trough) / peak, a fraction."""

    started_at: datetime
    """The last moment at the peak."""
    trough_at: datetime
    recovered_at: datetime | None
    """When the equity was back at the peak; None when it is not."""
    peak: Decimal
    trough: Decimal
    drawdown: Decimal


class Outcome(NamedTuple):
    """How a trade ended: outcome is 1 for a win, -1 for a loss, 0 for neither; P&L in the session's base currency."""

    exit_time: datetime
    symbol: str
    strategy_name: str
    outcome: int
    pnl: Decimal
    net_pnl: Decimal


class SessionSummary(NamedTuple):
    """A session and its completed trades; amounts are in base_currency, win_rate and max_drawdown are fractions.

    max_drawdown is that of PerformanceMetrics: of the equity, over the whole session so far.
    """

    session_id: int
    session_name: str
    mode: TradeSource
    strategy_name: str
    symbol: str
    timeframe: str
    exchange: str | None
    base_currency: str
    start_time: datetime
    end_time: datetime | None
    is_active: bool
    initial_balance: Decimal
    current_balance: Decimal
    total_trades: int
    win_rate: Decimal | None
    gross_pnl: Decimal
    net_pnl: Decimal
    profit_factor: Decimal | None
    max_drawdown: Decimal
    open_positions: int


class TableSize(NamedTuple):
    """How much a table holds; bytes on disk with its indexes and long values."""

    table_name: str
    row_count: int
    total_bytes: int


@query
def get_pnl_by_exit_reason(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[ExitReasonPnl]:
    """The P&L by the reason for which trades ended, best first."""
    ...


@query
def get_pnl_by_strategy(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[StrategyPnl]:
    """The P&L by strategy, best first."""
    ...


@query
def get_pnl_by_symbol(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[SymbolPnl]:
    """The P&L by symbol, best first."""
    ...


@query
def get_pnl_by_period(
    *,
    period: MetricPeriod | MetricPeriodLabel,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[PeriodPnl]:
    """The P&L by day, week or month of the trades' exit, oldest first; a period without trades has no row.

    ALL_TIME is one period that starts with 1970.
    """
    ...


@query
def get_equity_curve(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    points: int = 500,
) -> list[EquityPoint]:
    """The equity over time in at most so many points: the first, the last, and the extremes of equal parts between.

    The parts hold equally many snapshots, and of each its lowest and its highest equity and its deepest drawdown are
    kept; with fewer than five points only the first and the last are. What counts as equity is told by
    PerformanceMetrics.
    """
    ...


@query
def get_drawdowns(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 5,
) -> list[Drawdown]:
    """The worst drawdowns, deepest first."""
    ...


@query
def get_current_drawdown(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> EquityPoint | None:
    """How far the newest equity is below its peak; None before there is any equity."""
    ...


@query
def get_recent_outcomes(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
    limit: int = 10,
) -> list[Outcome]:
    """How the newest trades ended, newest first."""
    ...


@query
def get_session_summaries(
    *,
    source: TradeSource | TradeSourceLabel | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
    is_active: bool | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 50,
) -> list[SessionSummary]:
    """The sessions with what they earned, newest first.

    strategy_name and symbol are the session's own; start and end are a span of its start_time.
    """
    ...


@query
def get_table_sizes() -> list[TableSize]:
    """The tables of the books by size, largest first.

    Rows are counted, which reads every table.
    """
    ...
