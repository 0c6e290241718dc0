"""The tables as rows of written values: returns by month, P&L by anything, drawdowns, orders, positions, trades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from atb_db.report import formats
from atb_db.report.scales import month_names
from atb_db.repository.execution import OpenPosition, OrderQuality
from atb_db.repository.reports import Drawdown, ExitReasonPnl, Outcome, StrategyPnl, SymbolPnl
from atb_db.repository.tearsheet import DayEquity

MOST_ROWS: Final = 20
MOST_POSITIONS: Final = 50
_WORST_ROWS: Final = 8
_DEEPEST_COLOUR: Final = 60
"""Percent of the colour of the month with the largest return, whichever its sign; text stays readable on it."""


class Cell(NamedTuple):
    """One value; exact is it without rounding, where the text has not all of it."""

    text: str
    tone: str = ""
    exact: str = ""
    bar: float | None = None
    """Share of the table's largest, from -100 to 100 percent; None without a bar."""
    depth: int = 0
    """Percent of the tone's colour behind the text."""
    number: bool = True


class Column(NamedTuple):
    """A column's name, and what it means."""

    name: str
    definition: str = ""
    number: bool = True


class Table(NamedTuple):
    """Rows under columns; the first cell of each row names it. caption is read out."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    foot: Sequence[Cell] = ()
    note: str = ""


def monthly_returns(days: Sequence[DayEquity]) -> Table | None:
    """The return of every month, compounded from the days', and of every year; None without a day's return."""
    months: dict[tuple[int, int], Decimal] = {}
    for day in days:
        if day.daily_return is not None:
            moment = day.day.astimezone(UTC)
            key = (moment.year, moment.month)
            months[key] = months.get(key, Decimal(1)) * (1 + day.daily_return)
    if not months:
        return None
    largest = max(abs(growth - 1) for growth in months.values())
    rows = []
    for year in sorted({year for year, _ in months}, reverse=True):
        of_year = Decimal(1)
        cells = [_named(str(year))]
        for number in range(1, 13):
            growth = months.get((year, number))
            of_year *= 1 if growth is None else growth
            cells.append(Cell("") if growth is None else _return(growth - 1, largest))
        rows.append([*cells, _return(of_year - 1, None)])
    columns = [Column("Year", number=False), *map(Column, month_names()), Column("All year")]
    note = "Compounded from the daily returns of the equity, deposits and withdrawals left out."
    return Table("Returns by month and year, in percent", columns, rows, note=note)


def breakdown(
    rows: Sequence[ExitReasonPnl | StrategyPnl | SymbolPnl],
    what: str,
    definitions: Mapping[str, str],
    digits: int,
) -> Table:
    """The P&L by whatever the rows' first field is; where there are many, the best and the worst of them."""
    columns = [
        Column(what, number=False),
        Column("Trades", definitions.get("total_trades", "")),
        Column("Win rate", definitions.get("win_rate", "")),
        Column("Gross", definitions.get("gross_pnl", "")),
        Column("Costs", definitions.get("costs", "")),
        Column("Net P&L", definitions.get("net_pnl", "")),
    ]
    largest = max((abs(row.net_pnl) for row in rows), default=Decimal(0))
    shown = [_broken_down(row, largest, digits) for row in rows]
    if len(shown) > MOST_ROWS:
        first, last = MOST_ROWS - _WORST_ROWS, len(shown) - _WORST_ROWS
        between = rows[first:last]
        shown = [*shown[:first], _summed(f"{len(between)} others", between, digits), *shown[last:]]
    return Table(f"P&L by {what.lower()}, best first", columns, shown)


def drawdown_table(drawdowns: Sequence[Drawdown], definitions: Mapping[str, str], digits: int, now: datetime) -> Table:
    """The worst drawdowns, deepest first."""
    columns = [
        Column("Depth", definitions.get("drawdown", "")),
        Column("From", definitions.get("time", "")),
        Column("Lowest", definitions.get("trough_at", "")),
        Column("Recovered", definitions.get("recovered_at", "")),
        Column("Lasted", "From the last moment at the peak to the recovery, or until now."),
        Column("Peak", definitions.get("peak", "")),
        Column("Trough", definitions.get("trough", "")),
    ]
    deepest = max((one.drawdown for one in drawdowns), default=Decimal(0))
    rows = [
        [
            Cell(
                formats.percent(one.drawdown),
                "loss",
                f"{one.drawdown:f}",
                bar=-float(one.drawdown / deepest * 100) if deepest else None,
            ),
            Cell(formats.minute(one.started_at)),
            Cell(formats.minute(one.trough_at)),
            Cell("not yet" if one.recovered_at is None else formats.minute(one.recovered_at)),
            Cell(_lasted((one.recovered_at or max(now, one.trough_at)) - one.started_at)),
            _amount(one.peak, digits),
            _amount(one.trough, digits),
        ]
        for one in drawdowns
    ]
    return Table("The worst drawdowns, deepest first; times are UTC", columns, rows)


def order_table(orders: Sequence[OrderQuality], definitions: Mapping[str, str], digits: int) -> Table:
    """Fill rates, slippage and fees by type of order."""
    fields = {
        "Order": "order_type", "Orders": "total_orders", "Filled": "filled_orders", "Fill rate": "fill_rate",
        "Cancelled": "cancelled_orders", "Failed": "failed_orders", "With slippage": "slipped_orders",
        "Average slippage": "avg_slippage", "Worst": "worst_slippage", "Slippage cost": "slippage_cost",
        "Commission": "commission",
    }  # fmt: skip
    columns = [Column(name, definitions.get(field, ""), number=name != "Order") for name, field in fields.items()]
    rows = [
        [
            _named(one.order_type.value.replace("_", " ").lower()),
            Cell(formats.count(one.total_orders)),
            Cell(formats.count(one.filled_orders)),
            Cell(formats.percent(one.fill_rate, 1), exact=_exact(one.fill_rate)),
            Cell(formats.count(one.cancelled_orders)),
            Cell(formats.count(one.failed_orders), "loss" if one.failed_orders else ""),
            Cell(formats.count(one.slipped_orders)),
            _slippage(one.avg_slippage),
            _slippage(one.worst_slippage),
            _amount(one.slippage_cost, digits),
            _amount(one.commission, digits),
        ]
        for one in orders
    ]
    return Table("How well orders were filled, and what that cost, by type of order", columns, rows)


def position_table(positions: Sequence[OpenPosition], definitions: Mapping[str, str], digits: int) -> Table:
    """What is open now, oldest first."""
    fields = {
        "Symbol": "symbol", "Side": "side", "Strategy": "strategy_name", "Since": "time",
        "Quantity": "current_quantity",
        "Entry": "entry_price", "Price": "current_price", "Stop": "stop_loss", "Target": "take_profit",
        "Unrealised": "unrealized_pnl", "%": "unrealized_pnl_percent",
    }  # fmt: skip
    words = {"Symbol", "Side", "Strategy"}
    columns = [Column(name, definitions.get(field, ""), number=name not in words) for name, field in fields.items()]
    rows = [
        [
            _named(one.symbol),
            Cell(one.side.value.lower(), number=False),
            Cell(one.strategy_name, number=False),
            Cell(formats.minute(one.entry_time)),
            Cell(formats.plain(one.current_quantity)),
            Cell(formats.plain(one.entry_price)),
            Cell(formats.plain(one.current_price)),
            Cell(formats.plain(one.stop_loss)),
            Cell(formats.plain(one.take_profit)),
            _amount(one.unrealized_pnl, digits, toned=True),
            Cell(
                formats.percent(None if one.unrealized_pnl_percent is None else one.unrealized_pnl_percent / 100),
                formats.tone(one.unrealized_pnl_percent),
                _exact(one.unrealized_pnl_percent),
            ),
        ]
        for one in positions[:MOST_POSITIONS]
    ]
    known = [one.unrealized_pnl for one in positions if one.unrealized_pnl is not None]
    foot = [
        _named(f"{len(positions)} open"),
        *[Cell("")] * 8,
        _amount(sum(known, Decimal(0)), digits, toned=True),
        Cell(""),
    ]
    more = len(positions) - MOST_POSITIONS
    note = f"The oldest {MOST_POSITIONS}; {more} more are open." if more > 0 else ""
    return Table("Open positions, oldest first; times are UTC", columns, rows, foot if positions else (), note)


def outcome_table(outcomes: Sequence[Outcome], digits: int) -> Table:
    """How the newest trades ended, newest first."""
    columns = [
        Column("Closed"), Column("Symbol", number=False), Column("Strategy", number=False), Column("Gross"),
        Column("Net P&L"),
    ]  # fmt: skip
    largest = max((abs(one.net_pnl) for one in outcomes), default=Decimal(0))
    rows = [
        [
            Cell(formats.minute(one.exit_time)),
            Cell(one.symbol, number=False),
            Cell(one.strategy_name, number=False),
            _amount(one.pnl, digits, toned=True),
            _barred(one.net_pnl, largest, digits),
        ]
        for one in outcomes
    ]
    return Table("The newest trades, newest first; times are UTC", columns, rows)


def _broken_down(row: ExitReasonPnl | StrategyPnl | SymbolPnl, largest: Decimal, digits: int) -> list[Cell]:
    return [
        _named(row[0]),
        Cell(formats.count(row.total_trades)),
        Cell(formats.percent(row.win_rate, 1), exact=_exact(row.win_rate)),
        _amount(row.gross_pnl, digits),
        _amount(row.costs, digits),
        _barred(row.net_pnl, largest, digits),
    ]


def _summed(name: str, rows: Sequence[ExitReasonPnl | StrategyPnl | SymbolPnl], digits: int) -> list[Cell]:
    trades = sum(row.total_trades for row in rows)
    rate = Decimal(sum(row.winning_trades for row in rows)) / trades
    return [
        _named(name),
        Cell(formats.count(trades)),
        Cell(formats.percent(rate, 1)),
        _amount(sum((row.gross_pnl for row in rows), Decimal(0)), digits),
        _amount(sum((row.costs for row in rows), Decimal(0)), digits),
        _amount(sum((row.net_pnl for row in rows), Decimal(0)), digits, toned=True),
    ]


def _named(text: str) -> Cell:
    return Cell(text, number=False)


def _amount(value: Decimal | None, digits: int, *, toned: bool = False) -> Cell:
    tone = formats.tone(value) if toned else ""
    return Cell(formats.amount(value, digits, plus=toned), tone, _exact(value))


def _barred(value: Decimal, largest: Decimal, digits: int) -> Cell:
    bar = float(value / largest * 100) if largest else None
    return _amount(value, digits, toned=True)._replace(bar=bar)


def _slippage(value: Decimal | None) -> Cell:
    tone = "" if not value else "loss" if value > 0 else "gain"
    return Cell(formats.percent(value, 3, plus=True), tone, _exact(value))


def _return(value: Decimal, largest: Decimal | None) -> Cell:
    depth = int(abs(value) / largest * _DEEPEST_COLOUR) if largest else 0
    text = formats.percent(value, 1, plus=True).removesuffix(" %")
    return Cell(text, formats.tone(value), _exact(round(value, 12)), depth=depth)


def _exact(value: Decimal | None) -> str:
    return "" if value is None else f"{value:f}"


def _lasted(span: timedelta) -> str:
    return formats.length(Decimal(int(span.total_seconds())) / 3600)
