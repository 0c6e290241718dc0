"""Printing: data on standard output, for people or as JSON; messages on standard error."""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Protocol, runtime_checkable

import typer

_WIDEST: Final = 40
"""Characters to which a column is aligned; one long cell moves its own line only."""
_READABLE: Final = 16
"""Characters that a column of text needs at least, if it has as many; numbers, times and `a.names` are never broken."""
_BETWEEN: Final = 3
"""Characters that a terminal's table takes beside each column."""
_NUMBER: Final = re.compile(r"[-+]?\d[\d,]*(\.\d+)?([eE][-+]?\d+)?%?")
_UNBROKEN: Final = re.compile(
    rf"({_NUMBER.pattern}|\d{{4}}-\d\d-\d\d[\d:.TZ+ -]*( UTC)?|true|false|True|False|[a-z]\w*(\.\w+)+)"
)


@runtime_checkable
class _Record(Protocol):
    def _asdict(self) -> dict[str, object]: ...


def print_message(text: str) -> None:
    """A message for people; not part of a command's data."""
    typer.echo(text, err=True)


def print_json(value: object) -> None:
    """NamedTuples as objects, exact numbers and times as text."""
    typer.echo(json.dumps(_plain(value), default=str, indent=2))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table: drawn on a terminal, elsewhere aligned, one line a row; numbers to the right.

    On a terminal that is too narrow for it, each row becomes a record with a line for each column, as in psql's
    expanded display.
    """
    cells = [["" if cell is None else _shown(cell) for cell in row] for row in rows]
    right = [_are_numbers([row[index] for row in cells]) for index in range(len(columns))]
    if not sys.stdout.isatty():
        _align_table(columns, cells, right)
    elif _least_width(columns, cells) <= (width := _terminal_width()):
        _draw_table(columns, cells, right)
    else:
        typer.echo("\n".join(records(columns, cells, width=width)))


def records(columns: Sequence[str], rows: Sequence[Sequence[str]], *, width: int) -> list[str]:
    """The rows as records, in lines of `width` characters at the most: a rule with the number, then a line a column."""
    names = max(map(len, columns), default=0)
    lines: list[str] = []
    for number, row in enumerate(rows, 1):
        lines.append(f"─[ {number} ]".ljust(min(width, names + 24), "─"))
        for column, cell in zip(columns, row, strict=True):
            parts = textwrap.wrap(" ".join(cell.split()), max(_READABLE, width - names - 2)) or [""]
            lines.append(f"{column.ljust(names)}  {parts[0]}".rstrip())
            lines += [" " * (names + 2) + part for part in parts[1:]]
    return lines


def _are_numbers(cells: Sequence[str]) -> bool:
    return any(cells) and all(not cell or _NUMBER.fullmatch(cell) for cell in cells)


def _least_width(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Of a terminal on which the table can be read."""
    return 1 + sum(
        max(min(len(name), _READABLE), *(_least(row[index]) for row in rows), 1) + _BETWEEN
        for index, name in enumerate(columns)
    )


def _least(cell: str) -> int:
    return len(cell) if _UNBROKEN.fullmatch(cell) else min(max(map(len, cell.split("\n"))), _READABLE)


def _terminal_width() -> int:
    from rich.console import Console

    return Console().width


def _plain(value: object) -> object:
    if isinstance(value, _Record):
        return {name: _plain(field) for name, field in value._asdict().items()}
    if isinstance(value, dict):
        return {name: _plain(field) for name, field in value.items()}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def plain_text(value: object) -> str:
    """One value for people and for CSV: exact numbers and times plainly, documents as JSON, None as nothing."""
    if value is None:
        return ""
    plain = _plain(value)
    return json.dumps(plain, default=str) if isinstance(plain, (dict, list)) else str(plain)


def shown_text(value: object) -> str:
    """One value for people alone: times to the second."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if isinstance(value, datetime) else plain_text(value)


def _draw_table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD)
    for index, (column, to_right) in enumerate(zip(columns, right, strict=True)):
        unbroken = all(_UNBROKEN.fullmatch(row[index]) for row in rows if row[index])
        table.add_column(column, justify="right" if to_right else "left", overflow="fold", no_wrap=unbroken)
    for row in rows:
        table.add_row(*map(Text, row))
    Console(highlight=False).print(table)


def _align_table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> None:
    lines = [list(columns), *([" ".join(cell.split()) for cell in row] for row in rows)]
    widths = [min(max(map(len, column)), _WIDEST) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ]
        typer.echo("  ".join(cells).rstrip())


def _shown(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int) and not isinstance(cell, bool) else str(cell)
