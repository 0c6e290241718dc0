"""The page as values, made from a report; pure: the same report makes the same page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from atb_db.report import distributions, figures, formats, over_time, tables
from atb_db.report.data import Report
from atb_db.report.figures import Figure, Group
from atb_db.report.mixing import mixing_warning
from atb_db.report.plots import Plot
from atb_db.report.tables import Table


class Chart(NamedTuple):
    """One picture: several plots stand below each other on one time axis."""

    key: str
    title: str
    note: str
    """What is seen, in a sentence."""
    plots: Sequence[Plot]
    """Nothing where there is nothing to draw."""


class Page(NamedTuple):
    """Everything that the template writes down."""

    title: str
    facts: Sequence[str]
    """Such as mode, symbol and exchange."""
    span: str
    written_at: str
    warning: str
    """What makes the figures doubtful; empty when nothing does."""
    unit: str
    """Currency of every amount."""
    headline: Sequence[Figure]
    balance: str
    drawdown_now: str
    groups: Sequence[Group]
    equity: Chart
    months: Table | None
    pnl: Chart
    distribution: Chart
    returns: Chart
    holding: Chart
    excursions: Chart
    sharpe: Chart
    volatility: Chart
    costs: Chart
    breakdowns: Sequence[Table]
    drawdowns: Table
    orders: Table
    positions: Table
    outcomes: Table
    refresh: int | None
    """Seconds after which the page loads itself again; None = never."""


def page(
    report: Report,
    *,
    title: str | None = None,
    since: datetime | None = None,
    written_at: datetime,
    refresh: int | None = None,
) -> Page:
    """The page of a report; the title is the session's or strategy's name unless one is given."""
    scope = report.scope
    digits = formats.digits_for(scope.initial_balance)
    defined = _definitions(report)
    every = figures.groups(report.performance, defined("performance"), digits)
    unit, pnl = over_time.pnl_plot(report.days, digits)
    newest = _newest(report)
    curve = [
        over_time.equity_plot(report.equity, report.drawdowns, digits),
        over_time.drawdown_plot(report.equity, digits),
    ]
    return Page(
        title=title or scope.session_name or scope.strategy_name or "All sessions",
        facts=_facts(report),
        span=_span(report, since),
        written_at=f"{formats.minute(written_at)}:{written_at:%S} UTC",
        warning=mixing_warning(report.scope),
        unit=scope.base_currency or "",
        headline=figures.headline(every),
        balance=formats.amount(scope.current_balance, digits),
        drawdown_now=formats.percent(report.current_drawdown.drawdown if report.current_drawdown else None),
        groups=every,
        equity=Chart(
            "equity",
            "Equity and drawdown",
            "Above, the equity, with the five worst drawdowns shaded; below, how far it was under its peak.",
            _there(*curve),
        ),
        months=tables.monthly_returns(report.daily_equity),
        pnl=Chart("pnl", f"Net P&L by {unit}", f"After costs, by the UTC {unit} of the exit.", _there(pnl)),
        distribution=Chart(
            "distribution",
            "Distribution of trades",
            f"How many trades ended with which net P&L; the ends hold what is beyond them.{newest}",
            _there(distributions.distribution_plot(report.distribution, digits)),
        ),
        returns=Chart(
            "returns",
            "Distribution of daily returns",
            "How many days returned how much, those without any change left out; the ends hold what is beyond them.",
            _there(distributions.returns_plot(report.daily_equity)),
        ),
        holding=Chart(
            "holding",
            "Holding times",
            f"From entry to exit: trades that won above those that did not.{newest}",
            _there(distributions.holding_plot(report.holding_times, digits)),
        ),
        excursions=Chart(
            "excursions",
            "Excursions of trades",
            "How far the price went against each position and in its favour, from the entry price. "
            f"On the line both are the same.{newest}",
            _there(distributions.excursion_plot(report.excursions)),
        ),
        sharpe=Chart(
            "sharpe",
            "Rolling Sharpe ratio",
            "Mean / standard deviation of the daily returns of 30 days, times the root of 365.",
            _there(
                over_time.rolling_plot(
                    report.daily_equity, lambda day: day.rolling_sharpe_ratio, name="Sharpe ratio", percent=False
                )
            ),
        ),
        volatility=Chart(
            "volatility",
            "Rolling volatility",
            "Standard deviation of the daily returns of 30 days, times the root of 365.",
            _there(
                over_time.rolling_plot(
                    report.daily_equity, lambda day: day.rolling_volatility, name="Volatility", percent=True
                )
            ),
        ),
        costs=Chart(
            "costs",
            "Fees and interest by month",
            "Commission and margin interest of the trades that were closed in the month.",
            _there(over_time.costs_plot(report.months, digits)),
        ),
        breakdowns=(
            tables.breakdown(report.exit_reasons, "Exit reason", defined("pnl_by_exit_reason"), digits),
            tables.breakdown(report.strategies, "Strategy", defined("pnl_by_strategy"), digits),
            tables.breakdown(report.symbols, "Symbol", defined("pnl_by_symbol"), digits),
        ),
        drawdowns=tables.drawdown_table(report.drawdowns, defined("drawdown"), digits, _last(report, written_at)),
        orders=tables.order_table(report.order_quality, defined("order_quality"), digits),
        positions=tables.position_table(report.open_positions, defined("open_positions"), digits),
        outcomes=tables.outcome_table(report.outcomes, digits),
        refresh=refresh,
    )


class _Definitions(NamedTuple):
    known: dict[str, dict[str, str]]

    def __call__(self, view: str) -> dict[str, str]:
        return self.known.get(view, {})


def _definitions(report: Report) -> _Definitions:
    known: dict[str, dict[str, str]] = {}
    for one in report.definitions:
        known.setdefault(one.view_name, {})[one.column_name] = one.definition
    return _Definitions(known)


def _there(*plots: Plot | None) -> list[Plot]:
    return [plot for plot in plots if plot is not None]


def _facts(report: Report) -> list[str]:
    scope = report.scope
    facts = [] if scope.mode is None else [scope.mode.value]
    facts += [text for text in (scope.strategy_name, scope.symbol, scope.timeframe, scope.exchange) if text]
    if scope.total_sessions != 1:
        facts.append(f"{scope.total_sessions:,} sessions")
    if scope.active_sessions:
        facts.append("active" if scope.total_sessions == 1 else f"{scope.active_sessions:,} active")
    elif scope.total_sessions:
        facts.append("ended")
    return facts


def _span(report: Report, since: datetime | None) -> str:
    scope = report.scope
    if scope.start_time is None:
        return "no session yet"
    first = max(since, scope.start_time) if since else scope.start_time
    last = "now" if scope.end_time is None else formats.day(scope.end_time)
    return f"{formats.day(first)} to {last}"


def _last(report: Report, written_at: datetime) -> datetime:
    """Until when a drawdown lasts that has not recovered."""
    if report.scope.end_time is not None:
        return report.scope.end_time
    return written_at


def _newest(report: Report) -> str:
    """Which trades the charts of single trades are about, if they are not all."""
    counted, there = sum(bucket.total_trades for bucket in report.distribution), report.performance.total_trades
    return f" Of the newest {counted:,} of {there:,} trades." if counted < there else ""
