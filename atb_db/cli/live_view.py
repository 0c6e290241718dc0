"""What `atb-db watch` shows, as rich draws it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from atb_db.cli.sparkline import Spark, blocks_for
from atb_db.report import figures, formats
from atb_db.report.live import Live
from atb_db.report.mixing import mixing_warning
from atb_db.repository.execution import OpenPosition
from atb_db.repository.reports import Outcome

MOST_POSITIONS: Final = 12
_DAYS: Final = 30
_STYLES: Final = {"gain": "green", "loss": "red", "": "default"}
_CONTROLS: Final = {chr(code): "?" for code in (*range(0x20), *range(0x7F, 0xA0))}
_ENDLESS: Final = 10_000
_MINUTE, _SHORT = "%Y-%m-%d %H:%M", "%m-%d %H:%M"
_POSITION: Final = ("Symbol", "Side", "Since", "Quantity", "Entry", "Price", "Stop", "Unrealised")
_POSITION_WAYS: Final = (
    (_POSITION, _MINUTE),
    (_POSITION, _SHORT),
    *(
        ([name for name in _POSITION if name not in without], _SHORT)
        for without in ({"Since"}, {"Since", "Entry"}, {"Since", "Entry", "Price"}, {"Since", "Entry", "Price", "Stop"})
    ),
)
"""Columns and how a moment is written: less and less of what matters least, and every number with all of its digits."""
_OUTCOME_WAYS: Final = (
    (("Closed", "Symbol", "Strategy", "Net P&L"), _MINUTE),
    (("Closed", "Symbol", "Strategy", "Net P&L"), _SHORT),
    (("Closed", "Symbol", "Net P&L"), _SHORT),
    (("Symbol", "Net P&L"), _SHORT),
)
_WORDS: Final = frozenset({"Symbol", "Side", "Since", "Closed", "Strategy"})
_PLAIN: Final = str.maketrans(_CONTROLS | {formats.MINUS: "-", formats.NOTHING: "-"})
"""What a terminal would obey is shown as a question mark; minus and dash as what every terminal knows."""


def view(live: Live, *, now: datetime, encoding: str, trouble: str = "", height: int | None = None) -> RenderableType:
    """What is shown of it, on so many lines at the most; pure."""
    scope, digits = live.scope, formats.digits_for(live.scope.initial_balance)
    names = [scope.strategy_name, scope.symbol, scope.timeframe, scope.exchange, scope.base_currency]
    head = _text(scope.session_name or f"{scope.total_sessions:,} sessions", "bold")
    head.append_text(_text("".join(f"  {name}" for name in (scope.mode and scope.mode.value, *names) if name), "dim"))
    parts: list[RenderableType] = [head]
    if warning := mixing_warning(scope):
        parts.append(Text(f"{warning} Choose with --session, --mode or --strategy.", style="bold red"))
    parts += [Text(""), _figures(live, digits), Text("")]
    parts += [_curve(live, digits, encoding), Text("")] if live.equity else []
    parts += [_positions(live, digits)] if live.positions else [Text("No position is open.", style="dim")]
    parts += [_outcomes(live, digits)] if live.outcomes else []
    foot = [_errors(live), Text(f"Read at {formats.minute(now)}:{now:%S} UTC", style="dim")]
    if trouble:
        foot.append(_text(trouble, "bold red"))
    return _Footed(Group(*parts), Group(*foot), height)


class _Footed:
    """A body with its foot, which stays to be seen on a screen that is too low for all of the body."""

    def __init__(self, body: RenderableType, foot: RenderableType, height: int | None) -> None:
        self._body = body
        self._foot = foot
        self._height = height

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        body, foot = (console.render_lines(one, options, pad=False) for one in (self._body, self._foot))
        if self._height is not None and len(body) + len(foot) > self._height:
            body = [*body[: max(self._height - len(foot) - 1, 0)], [Segment("...")]]
        for line in (*body, *foot):
            yield from line
            yield Segment.line()


class _Fitting:
    """The first of some ways to show something for which the console is wide enough; else the last of them."""

    def __init__(self, *ways: RenderableType) -> None:
        self._ways = ways

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        endless = options.update(max_width=_ENDLESS)
        fitting = (way for way in self._ways if Measurement.get(console, endless, way).maximum <= options.max_width)
        yield next(fitting, self._ways[-1])


def _figures(live: Live, digits: int) -> RenderableType:
    shown = [
        (figure.label, figure.text, figure.tone)
        for figure in figures.headline(figures.groups(live.performance, {}, digits))
    ]
    newest = live.equity[-1].drawdown if live.equity else None
    shown += [
        ("Balance", formats.amount(live.scope.current_balance, digits), ""),
        ("Drawdown now", formats.percent(newest), "loss" if newest else ""),
    ]
    return _Fitting(*(_grid(shown, wide) for wide in range((len(shown) + 1) // 2, 0, -1)))


def _grid(shown: Sequence[tuple[str, str, str]], wide: int) -> Table:
    """Figures under their labels, so many beside each other."""
    table = Table.grid(padding=(0, 3))
    for start in range(0, len(shown), wide):
        row = shown[start : start + wide]
        table.add_row(*(Text(label, style="dim") for label, _, _ in row))
        table.add_row(*(_text(text, _STYLES[tone]) for _, text, tone in row))
    return table


def _curve(live: Live, digits: int, encoding: str) -> Table:
    blocks = blocks_for(encoding)
    equity = [point.equity for point in live.equity]
    table = Table.grid(padding=(0, 2))
    span = f"{formats.amount(min(equity), digits)} to {formats.amount(max(equity), digits)}"
    tone = formats.tone(equity[-1] - equity[0])
    table.add_row(Text("Equity", style="dim"), Spark(equity, blocks, _STYLES[tone]), _text(span))
    if days := [day.net_pnl for day in live.days[-_DAYS:]]:
        today = f"last day {formats.amount(days[-1], digits, plus=True)}"
        table.add_row(Text("P&L by day", style="dim"), Spark(days, blocks), _text(today))
    return table


def _positions(live: Live, digits: int) -> RenderableType:
    return _Fitting(*(_positions_with(live, digits, columns, since) for columns, since in _POSITION_WAYS))


def _positions_with(live: Live, digits: int, columns: Sequence[str], since: str) -> Table:
    table = _table("Open positions", [(name, name in _WORDS) for name in columns])
    for one in live.positions[:MOST_POSITIONS]:
        cells = _position_cells(one, digits, since)
        table.add_row(*(cells[name] for name in columns))
    if len(live.positions) > MOST_POSITIONS:
        table.caption = f"and {len(live.positions) - MOST_POSITIONS:,} more"
    return table


def _position_cells(one: OpenPosition, digits: int, since: str) -> dict[str, RenderableType]:
    return {
        "Symbol": _text(one.symbol),
        "Side": _text(one.side.value.lower()),
        "Since": _text(f"{one.entry_time.astimezone(UTC):{since}}"),
        "Quantity": _text(formats.plain(one.current_quantity)),
        "Entry": _text(formats.plain(one.entry_price)),
        "Price": _text(formats.plain(one.current_price)),
        "Stop": _text(formats.plain(one.stop_loss)),
        "Unrealised": _money(one.unrealized_pnl, digits),
    }


def _outcomes(live: Live, digits: int) -> RenderableType:
    return _Fitting(*(_outcomes_with(live.outcomes, digits, columns, closed) for columns, closed in _OUTCOME_WAYS))


def _outcomes_with(outcomes: Sequence[Outcome], digits: int, columns: Sequence[str], closed: str) -> Table:
    table = _table("Newest trades", [(name, name in _WORDS) for name in columns])
    for one in outcomes:
        cells = {
            "Closed": _text(f"{one.exit_time.astimezone(UTC):{closed}}"),
            "Symbol": _text(one.symbol),
            "Strategy": _text(one.strategy_name),
            "Net P&L": _money(one.net_pnl, digits),
        }
        table.add_row(*(cells[name] for name in columns))
    return table


def _errors(live: Live) -> RenderableType:
    errors = sum(hour.errors for hour in live.errors)
    critical = sum(hour.critical_errors for hour in live.errors)
    text = f"Errors in 24 h: {errors:,}, of which critical: {critical:,}"
    return Text(text, style="red" if errors else "dim")


def _table(title: str, columns: Sequence[tuple[str, bool]]) -> Table:
    """A table of these columns, of which some have words and the others numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for name, has_words in columns:
        # Where nothing fits, a number goes on in the next line: one that is cut is another number.
        table.add_column(name, justify="left" if has_words else "right", overflow="fold")
    return table


def _text(text: str, style: str = "default") -> Text:
    """As it is: names of symbols and strategies are not markup."""
    return Text(text.translate(_PLAIN), style=style)


def _money(value: Decimal | None, digits: int) -> RenderableType:
    return _text(formats.amount(value, digits, plus=True), _STYLES[formats.tone(value)])
