"""What `atb-db watch` shows, as rich draws it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from atb_db.cli.sparkline import blocks_for, sparkline
from atb_db.report import figures, formats
from atb_db.report.live import Live

MOST_POSITIONS: Final = 12
_DAYS: Final = 30
_STYLES: Final = {"gain": "green", "loss": "red", "": "default"}
_CONTROLS: Final = {chr(code): "?" for code in (*range(0x20), *range(0x7F, 0xA0))}
_PLAIN: Final = str.maketrans(_CONTROLS | {formats.MINUS: "-", formats.NOTHING: "-"})
"""What a terminal would obey is shown as a question mark; minus and dash as what every terminal knows."""


def view(live: Live, *, now: datetime, encoding: str, trouble: str = "") -> RenderableType:
    """What is shown of it; pure."""
    scope, digits = live.scope, formats.digits_for(live.scope.initial_balance)
    names = [scope.strategy_name, scope.symbol, scope.timeframe, scope.exchange, scope.base_currency]
    head = _text(scope.session_name or f"{scope.total_sessions:,} sessions", "bold")
    head.append_text(_text("".join(f"  {name}" for name in (scope.mode and scope.mode.value, *names) if name), "dim"))
    parts: list[RenderableType] = [head, Text(""), _figures(live, digits), Text("")]
    parts += [_curve(live, digits, encoding), Text("")] if live.equity else []
    parts += [_positions(live, digits)] if live.positions else [Text("No position is open.", style="dim")]
    parts += [_outcomes(live, digits)] if live.outcomes else []
    parts += [_errors(live)]
    parts.append(Text(f"Read at {formats.minute(now)}:{now:%S} UTC", style="dim"))
    if trouble:
        parts.append(_text(trouble, "bold red"))
    return Group(*parts)


def _figures(live: Live, digits: int) -> Table:
    shown = [
        (figure.label, figure.text, figure.tone)
        for figure in figures.headline(figures.groups(live.performance, {}, digits))
    ]
    newest = live.equity[-1].drawdown if live.equity else None
    shown += [
        ("Balance", formats.amount(live.scope.current_balance, digits), ""),
        ("Drawdown now", formats.percent(newest), "loss" if newest else ""),
    ]
    table = Table.grid(padding=(0, 3))
    half = (len(shown) + 1) // 2
    for row in (shown[:half], shown[half:]):
        table.add_row(*(Text(label, style="dim") for label, _, _ in row))
        table.add_row(*(_text(text, _STYLES[tone]) for _, text, tone in row))
    return table


def _curve(live: Live, digits: int, encoding: str) -> Table:
    blocks = blocks_for(encoding)
    equity = [point.equity for point in live.equity]
    table = Table.grid(padding=(0, 2))
    span = f"{formats.amount(min(equity), digits)} to {formats.amount(max(equity), digits)}"
    tone = formats.tone(equity[-1] - equity[0])
    table.add_row(Text("Equity", style="dim"), Text(sparkline(equity, blocks), style=_STYLES[tone]), _text(span))
    if days := [day.net_pnl for day in live.days[-_DAYS:]]:
        today = f"last day {formats.amount(days[-1], digits, plus=True)}"
        table.add_row(Text("P&L by day", style="dim"), Text(sparkline(days, blocks)), _text(today))
    return table


def _positions(live: Live, digits: int) -> Table:
    table = _table("Open positions", ("Symbol", "Side", "Since"), ("Quantity", "Entry", "Price", "Stop", "Unrealised"))
    for one in live.positions[:MOST_POSITIONS]:
        table.add_row(
            *_texts(one.symbol, one.side.value.lower(), formats.minute(one.entry_time)),
            *_texts(*map(formats.plain, (one.current_quantity, one.entry_price, one.current_price, one.stop_loss))),
            _money(one.unrealized_pnl, digits),
        )
    if len(live.positions) > MOST_POSITIONS:
        table.caption = f"and {len(live.positions) - MOST_POSITIONS:,} more"
    return table


def _outcomes(live: Live, digits: int) -> Table:
    table = _table("Newest trades", ("Closed", "Symbol", "Strategy"), ("Net P&L",))
    for one in live.outcomes:
        table.add_row(
            *_texts(formats.minute(one.exit_time), one.symbol, one.strategy_name), _money(one.net_pnl, digits)
        )
    return table


def _errors(live: Live) -> RenderableType:
    errors = sum(hour.errors for hour in live.errors)
    critical = sum(hour.critical_errors for hour in live.errors)
    text = f"Errors in 24 h: {errors:,}, of which critical: {critical:,}"
    return Text(text, style="red" if errors else "dim")


def _table(title: str, words: tuple[str, ...], numbers: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for word in words:
        table.add_column(word, overflow="crop", no_wrap=True)
    for number in numbers:
        table.add_column(number, justify="right", no_wrap=True)
    return table


def _texts(*texts: str) -> list[RenderableType]:
    return [_text(text) for text in texts]


def _text(text: str, style: str = "default") -> Text:
    """As it is: names of symbols and strategies are not markup."""
    return Text(text.translate(_PLAIN), style=style)


def _money(value: Decimal | None, digits: int) -> RenderableType:
    return _text(formats.amount(value, digits, plus=True), _STYLES[formats.tone(value)])
