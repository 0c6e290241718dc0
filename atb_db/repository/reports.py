"""Reports: P&L by reason, strategy, symbol and period, equity and drawdowns, sessions, sizes of tables.

The filters are the same everywhere. None does not filter; without a session_id all sessions except those of
verification count together. start is the first moment of a span, end the first moment after it.
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
    """Why the trades were closed."""
    total_trades: int
    """Number of trades, those with pnl = 0 included."""
    winning_trades: int
    """Number of trades with pnl > 0."""
    losing_trades: int
    """Number of trades with pnl < 0."""
    win_rate: Decimal
    """winning_trades / total_trades, as a fraction."""
    gross_pnl: Decimal
    """P&L before costs, in the session's base currency."""
    costs: Decimal
    """Commission and margin interest, in the session's base currency."""
    net_pnl: Decimal
    """gross_pnl - costs + funding, in the session's base currency."""


class StrategyPnl(NamedTuple):
    """The trades of one strategy; units as in ExitReasonPnl."""

    strategy_name: str
    """Strategy that traded."""
    total_trades: int
    """Number of trades, those with pnl = 0 included."""
    winning_trades: int
    """Number of trades with pnl > 0."""
    losing_trades: int
    """Number of trades with pnl < 0."""
    win_rate: Decimal
    """winning_trades / total_trades, as a fraction."""
    gross_pnl: Decimal
    """P&L before costs, in the session's base currency."""
    costs: Decimal
    """Commission and margin interest, in the session's base currency."""
    net_pnl: Decimal
    """gross_pnl - costs + funding, in the session's base currency."""


class SymbolPnl(NamedTuple):
    """The trades in one symbol; units as in ExitReasonPnl."""

    symbol: str
    """Instrument."""
    total_trades: int
    """Number of trades, those with pnl = 0 included."""
    winning_trades: int
    """Number of trades with pnl > 0."""
    losing_trades: int
    """Number of trades with pnl < 0."""
    win_rate: Decimal
    """winning_trades / total_trades, as a fraction."""
    gross_pnl: Decimal
    """P&L before costs, in the session's base currency."""
    costs: Decimal
    """Commission and margin interest, in the session's base currency."""
    net_pnl: Decimal
    """gross_pnl - costs + funding, in the session's base currency."""


class PeriodPnl(NamedTuple):
    """The trades that were closed in one UTC day, ISO week (from Monday) or month; units as in ExitReasonPnl."""

    period_start: datetime
    """First moment of the day, week or month, in UTC."""
    total_trades: int
    """Number of trades, those with pnl = 0 included."""
    winning_trades: int
    """Number of trades with pnl > 0."""
    losing_trades: int
    """Number of trades with pnl < 0."""
    win_rate: Decimal
    """winning_trades / total_trades, as a fraction."""
    gross_pnl: Decimal
    """P&L before costs, in the session's base currency."""
    costs: Decimal
    """Commission and margin interest, in the session's base currency."""
    net_pnl: Decimal
    """gross_pnl - costs + funding, in the session's base currency."""


class EquityPoint(NamedTuple):
    """The equity at a moment and its peak so far, in base currency; drawdown is a fraction of the peak."""

    timestamp: datetime
    """When the snapshot was taken, or the trade closed."""
    equity: Decimal
    """Balance and unrealised P&L together, in the session's base currency."""
    peak: Decimal
    """Highest equity so far, in the session's base currency."""
    drawdown: Decimal
    """(peak - equity) / peak, as a fraction."""


class Drawdown(NamedTuple):
    """A fall of the equity from a peak, and its recovery; drawdown = (peak - trough) / peak, a fraction."""

    started_at: datetime
    """The last moment at the peak."""
    trough_at: datetime
    """When the equity was lowest."""
    recovered_at: datetime | None
    """When the equity was back at the peak; NULL = not yet."""
    peak: Decimal
    """Equity at the peak, in base currency."""
    trough: Decimal
    """Lowest equity, in base currency."""
    drawdown: Decimal
    """(peak - trough) / peak, as a fraction."""


class Outcome(NamedTuple):
    """How a trade ended: outcome is 1 for a win, -1 for a loss, 0 for neither; P&L in the session's base currency."""

    exit_time: datetime
    """When the final exit happened; its UTC day is the trade's day."""
    symbol: str
    """Instrument."""
    strategy_name: str
    """Strategy that traded."""
    outcome: int
    """1 = win (gross_pnl > 0), -1 = loss, 0 = neither."""
    pnl: Decimal
    """Gross P&L of all exits together, in the session's base currency."""
    net_pnl: Decimal
    """pnl - commission - margin_interest_cost + funding, in the session's base currency."""


class SessionSummary(NamedTuple):
    """A session and its completed trades; amounts are in base_currency, win_rate and max_drawdown are fractions.

    max_drawdown is that of PerformanceMetrics: of the equity, over the whole session so far.
    """

    session_id: int
    """Identifier."""
    session_name: str
    """Name for people; not unique."""
    mode: TradeSource
    """Where the money is: LIVE, BACKTEST or PAPER."""
    strategy_name: str
    """Strategy that trades."""
    symbol: str
    """Instrument that is traded."""
    timeframe: str
    """Length of one candle, such as 1h."""
    exchange: str | None
    """Exchange that executes the orders."""
    base_currency: str
    """Currency of every amount in the session's books."""
    start_time: datetime
    """When the session began; historic for a backtest."""
    end_time: datetime | None
    """When the session ended; NULL while it is active."""
    is_active: bool
    """True until the session has ended."""
    initial_balance: Decimal
    """Balance at the start, in base_currency."""
    current_balance: Decimal
    """Balance now, in base_currency: the sum of the session's ledger, which a foreign key holds."""
    total_trades: int
    """Number of completed trades."""
    win_rate: Decimal | None
    """winning_trades / total_trades, as a fraction."""
    gross_pnl: Decimal
    """Sum of pnl, before costs, in base_currency."""
    net_pnl: Decimal
    """Sum of net P&L, after commission, margin interest and funding, in base_currency."""
    profit_factor: Decimal | None
    """gross_profit / gross_loss; NULL without losses."""
    max_drawdown: Decimal
    """Largest (running peak - value) / running peak, as a fraction: of the equity in account_history when there is any,
    else of initial balance + cumulative net P&L; so far, if the session is active.
    """
    open_positions: int
    """Number of open positions."""


class TableSize(NamedTuple):
    """The size of a table."""

    table_name: str
    """Name of the table."""
    row_count: int
    """Number of rows."""
    total_bytes: int
    """Bytes on disk, indexes and long values included."""


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
    """The P&L by exit reason, best first."""
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
    """The P&L by day, week or month of the exit, oldest first; a period without trades has no row.

    ALL_TIME is a single period that starts in 1970.
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
    """The equity over time in at most `points` points: the first, the last, and the extremes of equal parts between.

    The parts hold equal numbers of snapshots; of each part the lowest and the highest equity and the deepest drawdown
    are kept. With fewer than five points only the first and the last are. PerformanceMetrics defines equity.
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
    """How far the newest equity is below its peak; None if there is no equity yet."""
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
    """Sessions with their P&L, newest first.

    strategy_name and symbol are the session's own; start and end are a span of its start_time.
    """
    ...


@query
def get_table_sizes() -> list[TableSize]:
    """The tables by size, largest first.

    Counts the rows, which reads every table.
    """
    ...
