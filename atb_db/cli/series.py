"""Columns that are series: numbers beside times, drawn in one line each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from atb_db.cli.sparkline import Spark, blocks_for

FEWEST: Final = 5
"""Rows from which on a column is a series."""
WIDEST: Final = 60
"""Characters, also where the terminal has room for more."""


class Series(NamedTuple):
    """A column's numbers in order of time."""

    name: str
    values: Sequence[Decimal]


def series(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[Series]:
    """The columns of exact numbers, where one column has a time in every row that is not the same in all; in its order.

    A column without at least five numbers is none, nor is one whose numbers are all equal.
    """
    clock = next((place for place in range(len(columns)) if _tells_time([row[place] for row in rows])), None)
    if clock is None:
        return []
    in_order = sorted(rows, key=lambda row: row[clock])  # type: ignore[arg-type,return-value]  # times, as just seen
    found = (
        Series(name, [value for row in in_order if isinstance(value := row[place], Decimal)])
        for place, name in enumerate(columns)
    )
    return [one for one in found if len(one.values) >= FEWEST and min(one.values) < max(one.values)]


def print_series(found: Sequence[Series]) -> None:
    """A line for each of them, with its least, its greatest and its last number."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table("Series", Column(max_width=WIDEST), box=SIMPLE_HEAD)
    for name in ("Least", "Greatest", "Last"):
        table.add_column(name, justify="right", overflow="fold")
    blocks = blocks_for(console.encoding)
    for one in found:
        numbers = (min(one.values), max(one.values), one.values[-1])
        table.add_row(one.name, Spark(one.values, blocks), *(Text(f"{number:f}") for number in numbers))
    console.print(table)


def _tells_time(values: Sequence[object]) -> bool:
    return len(values) >= FEWEST and all(isinstance(value, datetime) for value in values) and len(set(values)) > 1
