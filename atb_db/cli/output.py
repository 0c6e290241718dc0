"""Printing: data on standard output, for people or as JSON; messages on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, Protocol, runtime_checkable

import typer

_WIDEST: Final = 40
"""Characters to which a column is aligned; one long cell moves its own line only."""


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
    """A table: drawn on a terminal, elsewhere aligned, one line a row; numbers to the right."""
    cells = [["" if cell is None else cell for cell in row] for row in rows]
    right = [all(isinstance(row[index], int) for row in cells) for index in range(len(columns))]
    if sys.stdout.isatty():
        _draw_table(columns, cells, right)
    else:
        _align_table(columns, cells, right)


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


def _draw_table(columns: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[bool]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD)
    for column, to_right in zip(columns, right, strict=True):
        table.add_column(column, justify="right" if to_right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_shown(cell)) for cell in row))
    Console(highlight=False).print(table)


def _align_table(columns: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[bool]) -> None:
    lines = [list(columns), *([" ".join(_shown(cell).split()) for cell in row] for row in rows)]
    widths = [min(max(map(len, column)), _WIDEST) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ]
        typer.echo("  ".join(cells).rstrip())


def _shown(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
