"""The figures of performance as the page shows them: grouped, named, written, and with their definitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from atb_db.report import formats
from atb_db.repository.metrics import PerformanceMetrics


class Figure(NamedTuple):
    """One figure: exact is the statement's value without any rounding, empty where there is none."""

    name: str
    """The statement's field."""
    label: str
    text: str
    exact: str
    definition: str
    tone: str
    """gain, loss or nothing."""


class Group(NamedTuple):
    """Figures that belong together."""

    title: str
    figures: Sequence[Figure]


class _Shown(NamedTuple):
    name: str
    label: str
    kind: str
    toned: bool = False


_GROUPS: Final[dict[str, tuple[_Shown, ...]]] = {
    "Return and risk": (
        _Shown("total_return_percent", "Total return", "percent", toned=True),
        _Shown("annualized_return", "Annualised return", "fraction", toned=True),
        _Shown("annualized_volatility", "Annualised volatility", "fraction"),
        _Shown("max_drawdown", "Max drawdown", "fraction"),
        _Shown("sharpe_ratio", "Sharpe ratio", "ratio"),
        _Shown("sortino_ratio", "Sortino ratio", "ratio"),
        _Shown("calmar_ratio", "Calmar ratio", "ratio"),
        _Shown("var_95", "Value at risk, 95 %", "fraction"),
        _Shown("equity_days", "Days of equity", "count"),
    ),
    "Profit and costs": (
        _Shown("net_pnl", "Net P&L", "amount", toned=True),
        _Shown("gross_pnl", "Gross P&L", "amount", toned=True),
        _Shown("gross_profit", "Gross profit", "amount"),
        _Shown("gross_loss", "Gross loss", "amount"),
        _Shown("commission", "Commission", "amount"),
        _Shown("margin_interest_cost", "Margin interest", "amount"),
        _Shown("funding", "Funding", "amount", toned=True),
        _Shown("profit_factor", "Profit factor", "ratio"),
        _Shown("expectancy", "Expectancy", "amount", toned=True),
    ),
    "Trades": (
        _Shown("total_trades", "Trades", "count"),
        _Shown("winning_trades", "Won", "count"),
        _Shown("losing_trades", "Lost", "count"),
        _Shown("win_rate", "Win rate", "fraction"),
        _Shown("avg_win", "Average win", "amount"),
        _Shown("avg_loss", "Average loss", "amount"),
        _Shown("best_trade_pnl", "Best trade", "amount", toned=True),
        _Shown("worst_trade_pnl", "Worst trade", "amount", toned=True),
        _Shown("largest_win_streak", "Longest run of wins", "count"),
    ),
    "Time": (
        _Shown("largest_loss_streak", "Longest run of losses", "count"),
        _Shown("current_streak", "Current streak", "count", toned=True),
        _Shown("avg_holding_hours", "Average holding time", "hours"),
        _Shown("avg_win_holding_hours", "\N{HORIZONTAL ELLIPSIS} of wins", "hours"),
        _Shown("avg_loss_holding_hours", "\N{HORIZONTAL ELLIPSIS} of losses", "hours"),
        _Shown("best_day", "Best day", "day"),
        _Shown("best_day_net_pnl", "\N{HORIZONTAL ELLIPSIS} its net P&L", "amount", toned=True),
        _Shown("worst_day", "Worst day", "day"),
        _Shown("worst_day_net_pnl", "\N{HORIZONTAL ELLIPSIS} its net P&L", "amount", toned=True),
    ),
}
HEADLINE: Final = (
    "net_pnl", "total_return_percent", "max_drawdown", "sharpe_ratio", "win_rate", "profit_factor", "total_trades",
)  # fmt: skip
"""What the page begins with."""


def groups(performance: PerformanceMetrics, definitions: Mapping[str, str], digits: int) -> list[Group]:
    """Every figure once; amounts with so many digits."""
    values = performance._asdict()
    return [
        Group(title, [_figure(one, values[one.name], definitions.get(one.name, ""), digits) for one in shown])
        for title, shown in _GROUPS.items()
    ]


def headline(every: Sequence[Group]) -> list[Figure]:
    """The figures that the page begins with."""
    found = {figure.name: figure for group in every for figure in group.figures}
    return [found[name] for name in HEADLINE]


def exact(value: object) -> str:
    """A value as the statement has it: numbers with all their digits, times in ISO 8601, None as nothing."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _figure(shown: _Shown, value: object, definition: str, digits: int) -> Figure:
    number = value if isinstance(value, Decimal | int) else None
    tone = formats.tone(number) if shown.toned else ""
    return Figure(shown.name, shown.label, _text(shown.kind, value, digits), exact(value), definition, tone)


def _text(kind: str, value: object, digits: int) -> str:
    if isinstance(value, Decimal):
        return _number(kind, value, digits)
    if isinstance(value, datetime):
        return formats.day(value)
    return formats.count(value) if isinstance(value, int) else formats.NOTHING


def _number(kind: str, value: Decimal, digits: int) -> str:
    match kind:
        case "percent":
            return formats.percent(value / 100, plus=True)
        case "fraction":
            return formats.percent(value)
        case "amount":
            return formats.amount(value, digits)
        case "hours":
            return formats.length(value)
        case _:
            return formats.ratio(value)
