"""Performance: figures per session, per day and over any span of time."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from atb_db.statement import command, query


class PerformanceMetrics(NamedTuple):
    """Figures over a set of trades; amounts are in the session's base currency.

    A win has pnl > 0, a loss pnl < 0, zero is neither but counts in total_trades. win_rate = wins / total_trades
    (fraction); profit_factor = gross_profit / gross_loss, None without losses; expectancy = mean gross pnl;
    total_return_percent = net_pnl in percent of initial_balance + the net P&L before the span; a trade with pnl 0
    ends a streak. max_drawdown is the largest (running peak - value) / running peak (fraction): of the equity in
    account_history when the span has any, else of the balance that the trades' net P&L leaves.
    """

    total_trades: int
    winning_trades: int
    losing_trades: int
    win_rate: Decimal | None
    gross_profit: Decimal
    gross_loss: Decimal
    gross_pnl: Decimal
    commission: Decimal
    margin_interest_cost: Decimal
    net_pnl: Decimal
    total_return_percent: Decimal | None
    profit_factor: Decimal | None
    expectancy: Decimal | None
    avg_win: Decimal | None
    avg_loss: Decimal | None
    best_trade_pnl: Decimal | None
    worst_trade_pnl: Decimal | None
    largest_win_streak: int
    largest_loss_streak: int
    max_drawdown: Decimal


class DailyMetrics(NamedTuple):
    """Figures of one UTC day, kept up to date by every trade; amounts are in the session's base currency.

    The definitions are those of PerformanceMetrics, but max_drawdown is that of opening_balance + the day's net P&L,
    and trades stand in the order in which they were booked.
    """

    day: datetime
    opening_balance: Decimal
    total_trades: int
    winning_trades: int
    losing_trades: int
    win_rate: Decimal
    gross_profit: Decimal
    gross_loss: Decimal
    gross_pnl: Decimal
    commission: Decimal
    margin_interest_cost: Decimal
    net_pnl: Decimal
    profit_factor: Decimal | None
    expectancy: Decimal
    avg_win: Decimal | None
    avg_loss: Decimal | None
    best_trade_pnl: Decimal
    worst_trade_pnl: Decimal
    largest_win_streak: int
    largest_loss_streak: int
    max_drawdown: Decimal


@query
def get_performance_metrics(
    *, session_id: int, start: datetime | None = None, end: datetime | None = None
) -> PerformanceMetrics:
    """A session's metrics over the trades that were closed from one moment to before another, in order of exit.

    None leaves that end of the span open.
    """
    ...


@query
def get_daily_metrics(
    *, session_id: int, start: datetime | None = None, end: datetime | None = None
) -> list[DailyMetrics]:
    """A session's metrics by UTC day from one day to before another, oldest first; days without trades have no row.

    None leaves that end of the span open.
    """
    ...


@command
def rebuild_performance_metrics(*, session_id: int) -> int:
    """Replace a session's rows of metrics by a recomputation from its trades; the number of rows.

    Needed after trades were changed by hand only: every trade keeps its rows up to date.
    """
    ...
