"""Performance: figures by session, by day and over any span of time."""

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
    """Number of trades, those with pnl = 0 included."""
    winning_trades: int
    """Number of trades with pnl > 0."""
    losing_trades: int
    """Number of trades with pnl < 0."""
    win_rate: Decimal | None
    """winning_trades / total_trades, as a fraction; NULL without trades."""
    gross_profit: Decimal
    """Sum of the positive pnl, in base_currency."""
    gross_loss: Decimal
    """Sum of the negative pnl without its sign, in base_currency."""
    gross_pnl: Decimal
    """gross_profit - gross_loss, in base_currency."""
    commission: Decimal
    """Sum of commission, in base_currency."""
    margin_interest_cost: Decimal
    """Sum of margin interest, in base_currency."""
    funding: Decimal
    """Sum of funding, in base_currency: positive when received."""
    net_pnl: Decimal
    """gross_pnl - commission - margin_interest_cost + funding, in base_currency."""
    total_return_percent: Decimal | None
    """net_pnl in percent of the initial balance (5 = 5 %)."""
    profit_factor: Decimal | None
    """gross_profit / gross_loss; NULL without losses."""
    expectancy: Decimal | None
    """Mean gross P&L of a trade, in base_currency; NULL without trades."""
    avg_win: Decimal | None
    """Mean gross P&L of the winning trades, in base_currency; NULL without one."""
    avg_loss: Decimal | None
    """Mean gross P&L of the losing trades, negative, in base_currency; NULL without one."""
    best_trade_pnl: Decimal | None
    """Largest gross P&L of one trade, in base_currency."""
    worst_trade_pnl: Decimal | None
    """Smallest gross P&L of one trade, in base_currency."""
    largest_win_streak: int
    """Longest run of winning trades in order of exit; a trade with pnl = 0 ends it."""
    largest_loss_streak: int
    """Longest run of losing trades in order of exit; a trade with pnl = 0 ends it."""
    current_streak: int
    """Wins in a row up to the newest trade; negative: losses in a row."""
    max_drawdown: Decimal
    """Largest (running peak - equity) / running peak, as a fraction: of the snapshots in account_history when there are
    any, else of initial balance + cumulative net P&L.
    """
    avg_holding_hours: Decimal | None
    """Mean time from entry to exit, in hours."""
    avg_win_holding_hours: Decimal | None
    """Mean time from entry to exit of the winning trades, in hours."""
    avg_loss_holding_hours: Decimal | None
    """Mean time from entry to exit of the losing trades, in hours."""
    best_day: datetime | None
    """UTC day of exit with the largest net P&L."""
    best_day_net_pnl: Decimal | None
    """Net P&L of the best day, in base_currency."""
    worst_day: datetime | None
    """UTC day of exit with the smallest net P&L."""
    worst_day_net_pnl: Decimal | None
    """Net P&L of the worst day, in base_currency."""
    equity_days: int
    """Number of UTC days from the first to the last equity; the ratios that follow need two."""
    annualized_return: Decimal | None
    """(last equity / initial balance) ^ (365 / equity_days) - 1, as a fraction."""
    annualized_volatility: Decimal | None
    """Sample standard deviation of the daily returns x sqrt(365), as a fraction."""
    sharpe_ratio: Decimal | None
    """Mean daily return / its sample standard deviation x sqrt(365); the risk-free rate is taken as 0."""
    sortino_ratio: Decimal | None
    """Mean daily return / root mean square of the negative daily returns over all days x sqrt(365); NULL without a
    negative one.
    """
    calmar_ratio: Decimal | None
    """annualized_return / max_drawdown; NULL without a drawdown."""
    var_95: Decimal | None
    """Value at risk: the daily return that 5 % of the days do not exceed, as a fraction; normally negative."""


class DailyMetrics(NamedTuple):
    """Figures of one UTC day, updated by every trade; amounts are in the session's base currency.

    The definitions are those of PerformanceMetrics, except that trades stand in the order in which they were booked and
    max_drawdown is that of opening_balance + the day's net P&L.
    """

    day: datetime
    """First moment of the period; 1970-01-01 for ALL_TIME."""
    opening_balance: Decimal
    """Where the period's balance starts, in the session's base currency: for ALL_TIME the initial balance, for a day
    the balance after its first trade less that trade's net P&L.
    """
    total_trades: int
    """Number of trades, those with pnl = 0 included."""
    winning_trades: int
    """Number of trades with pnl > 0."""
    losing_trades: int
    """Number of trades with pnl < 0."""
    win_rate: Decimal
    """winning_trades / total_trades, as a fraction."""
    gross_profit: Decimal
    """Sum of the positive pnl, in the session's base currency."""
    gross_loss: Decimal
    """Sum of the negative pnl without its sign, in the session's base currency."""
    gross_pnl: Decimal
    """Sum of pnl, before costs, in the session's base currency."""
    commission: Decimal
    """Sum of commission, in the session's base currency."""
    margin_interest_cost: Decimal
    """Sum of margin_interest_cost, in the session's base currency."""
    funding: Decimal
    """Sum of funding, in the session's base currency: positive when received."""
    net_pnl: Decimal
    """Sum of net P&L: gross profit - gross loss - commission - margin interest + funding."""
    profit_factor: Decimal | None
    """gross_profit / gross_loss; NULL without losses."""
    expectancy: Decimal
    """Mean pnl of a trade, in the session's base currency."""
    avg_win: Decimal | None
    """Mean pnl of the winning trades; NULL without one."""
    avg_loss: Decimal | None
    """Mean pnl of the losing trades, negative; NULL without one."""
    best_trade_pnl: Decimal
    """Largest pnl of one trade, in the session's base currency."""
    worst_trade_pnl: Decimal
    """Smallest pnl of one trade, in the session's base currency."""
    largest_win_streak: int
    """Longest run of winning trades."""
    largest_loss_streak: int
    """Longest run of losing trades."""
    max_drawdown: Decimal
    """Largest (running peak - value) / running peak of opening_balance + cumulative net P&L in order of booking, as a
    fraction rounded to 12 digits; a session's maximum drawdown is that of its equity (session_drawdown).
    """


class TotalMetrics(NamedTuple):
    """Figures over all trades of a session, updated by every trade; as DailyMetrics.

    opening_balance is the initial balance. current_streak is negative for losses, 0 after a trade with pnl 0.
    """

    opening_balance: Decimal
    """Where the period's balance starts, in the session's base currency: for ALL_TIME the initial balance, for a day
    the balance after its first trade less that trade's net P&L.
    """
    total_trades: int
    """Number of trades, those with pnl = 0 included."""
    winning_trades: int
    """Number of trades with pnl > 0."""
    losing_trades: int
    """Number of trades with pnl < 0."""
    win_rate: Decimal
    """winning_trades / total_trades, as a fraction."""
    gross_profit: Decimal
    """Sum of the positive pnl, in the session's base currency."""
    gross_loss: Decimal
    """Sum of the negative pnl without its sign, in the session's base currency."""
    gross_pnl: Decimal
    """Sum of pnl, before costs, in the session's base currency."""
    commission: Decimal
    """Sum of commission, in the session's base currency."""
    margin_interest_cost: Decimal
    """Sum of margin_interest_cost, in the session's base currency."""
    funding: Decimal
    """Sum of funding, in the session's base currency: positive when received."""
    net_pnl: Decimal
    """Sum of net P&L: gross profit - gross loss - commission - margin interest + funding."""
    profit_factor: Decimal | None
    """gross_profit / gross_loss; NULL without losses."""
    expectancy: Decimal
    """Mean pnl of a trade, in the session's base currency."""
    avg_win: Decimal | None
    """Mean pnl of the winning trades; NULL without one."""
    avg_loss: Decimal | None
    """Mean pnl of the losing trades, negative; NULL without one."""
    best_trade_pnl: Decimal
    """Largest pnl of one trade, in the session's base currency."""
    worst_trade_pnl: Decimal
    """Smallest pnl of one trade, in the session's base currency."""
    current_streak: int
    """Wins in a row up to the newest trade; negative: losses in a row; 0 after a trade with pnl = 0."""
    largest_win_streak: int
    """Longest run of winning trades."""
    largest_loss_streak: int
    """Longest run of losing trades."""


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
    """All figures of performance of the trades closed from one moment to before another, and of their equity.

    None does not filter. Without a session_id all sessions except those of verification count together, with the sum of
    their capital. Trades stand in order of exit.
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
    """A session's metrics over all its trades: one stored row, however many trades there are; None before the first.

    For figures that it does not have, such as drawdown or Sharpe ratio, or for a part of the trades, use
    get_performance_metrics.
    """
    ...


@command
def rebuild_performance_metrics(*, session_id: int) -> int:
    """Replace a session's metrics by a recomputation from its trades; the number of rows.

    Only needed after trades were changed by hand: every trade updates its rows.
    """
    ...


@command
def rebuild_equity(*, session_id: int) -> int:
    """Compute the equity that is kept of a session's hours and days again from its snapshots; the number of rows.

    Snapshots keep it, and read what is not in it one by one: only needed to make reads fast again of a session that has
    ended and has snapshots from before release 0.10 or, for days before its last, late ones. The session's writers wait
    for some seconds a million snapshots.
    """
    ...
