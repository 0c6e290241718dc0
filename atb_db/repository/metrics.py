"""Performance: figures per session, per day and over any span of time."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from atb_db.statement import command, query
from atb_db.types import TradeSource, TradeSourceLabel


class PerformanceMetrics(NamedTuple):
    """Figures over a set of trades and the equity of their sessions; amounts are in the sessions' base currency.

    A win has pnl > 0, a loss pnl < 0, zero is neither but counts in total_trades. win_rate = wins / total_trades
    (fraction); profit_factor = gross_profit / gross_loss, None without losses; expectancy = mean gross pnl;
    total_return_percent = net_pnl in percent of initial_balance + the net P&L before the span; a trade with pnl 0
    ends a streak; current_streak is negative for losses. Holding times are means in hours; the best and the worst day
    are those of the net P&L by UTC day of exit.

    The equity is that of account_history; without a snapshot in the span, or when a strategy or symbol is chosen, it is
    the balance that the trades' net P&L leaves. max_drawdown is the largest (running peak - equity) / running peak
    (fraction). What follows it is made of the equity's daily returns over equity_days UTC days, None with fewer than
    two: annualized_return = (last / first equity) ^ (365 / days) - 1; annualized_volatility = standard deviation x
    sqrt(365); sharpe_ratio = mean / standard deviation x sqrt(365), sortino_ratio the same with the downside deviation;
    calmar_ratio = annualized_return / max_drawdown; var_95 is the return that 5 % of the days do not exceed, negative
    for a loss. docs/metrics.md has the formulas with their sources.
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
    current_streak: int
    max_drawdown: Decimal
    avg_holding_hours: Decimal | None
    avg_win_holding_hours: Decimal | None
    avg_loss_holding_hours: Decimal | None
    best_day: datetime | None
    best_day_net_pnl: Decimal | None
    worst_day: datetime | None
    worst_day_net_pnl: Decimal | None
    equity_days: int
    annualized_return: Decimal | None
    annualized_volatility: Decimal | None
    sharpe_ratio: Decimal | None
    sortino_ratio: Decimal | None
    calmar_ratio: Decimal | None
    var_95: Decimal | None


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


class TotalMetrics(NamedTuple):
    """Figures over all trades of a session, kept up to date by every trade; as DailyMetrics.

    opening_balance is the initial balance. current_streak is negative for losses, 0 after a trade with pnl 0.
    """

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
    current_streak: int
    largest_win_streak: int
    largest_loss_streak: int


@query
def get_performance_metrics(
    *,
    session_id: int | None = None,
    source: TradeSource | TradeSourceLabel | None = None,
    strategy_name: str | None = None,
    symbol: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> PerformanceMetrics:
    """Every figure of performance over the trades that were closed from one moment to before another, and their equity.

    None does not filter; without a session_id all sessions count together but those of verification, their capital
    added up. Trades stand in order of exit.
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


@query
def get_total_metrics(*, session_id: int) -> TotalMetrics | None:
    """A session's metrics over all its trades, as its books keep them: one row, however many trades; None before one.

    For what these do not say, such as the drawdown or the Sharpe ratio, or for a part of the trades there is
    get_performance_metrics.
    """
    ...


@command
def rebuild_performance_metrics(*, session_id: int) -> int:
    """Replace a session's rows of metrics by a recomputation from its trades; the number of rows.

    Needed after trades were changed by hand only: every trade keeps its rows up to date.
    """
    ...
