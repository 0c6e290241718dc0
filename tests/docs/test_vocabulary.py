"""docs/vocabulary.md: every name in it exists, and every name that differs between a function and its view is in it."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Final

import psycopg

from tests.importing.incumbents import SCHEMA

PAGE: Final = Path(__file__).parents[2] / "docs" / "vocabulary.md"
_ROW: Final = re.compile(
    r"^\| [^|]+ \| `(\w+)\.(\w+)\.(\w+)` \| `reporting\.(\w+)\.(\w+)` \| (?:`(\w+)\.(\w+)`[^|]*)?\|$", re.MULTILINE
)
SAME_ROWS: Final = {"trades": "trades.Trade", "open_positions": "positions.Position"}
"""Views whose rows a function answers, too."""
OF_VIEWS: Final = {"outcome", "holding_hours", "mode"}
"""What a view computes or joins for readers who cannot."""


def rows() -> list[tuple[str, ...]]:
    found = _ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert len(found) == PAGE.read_text(encoding="utf-8").count("| `reporting.")
    return found


def fields(module: str, name: str) -> set[str]:
    return set(getattr(import_module(f"atb_db.repository.{module}"), name)._fields)


def views(url: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    with psycopg.connect(url) as connection:
        for view, column in connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'reporting'"
        ):
            found.setdefault(view, set()).add(column)
    return found


def test_every_name_exists(url: str) -> None:
    there = views(url)
    for module, name, field, view, column, table, old in rows():
        assert field in fields(module, name), (module, name, field)
        assert column in there[view], (view, column)
        if table:
            [columns] = re.findall(rf"CREATE TABLE {table} \((.*?)\);", SCHEMA, re.DOTALL)
            assert re.search(rf"\b{old} ", columns), (table, old)


def test_every_name_that_differs_is_in_the_table(url: str) -> None:
    there = views(url)
    for view, of in SAME_ROWS.items():
        module, name = of.split(".")
        listed = {row[4] for row in rows() if row[:2] == (module, name) and row[3] == view}
        assert there[view] - fields(module, name) - listed <= OF_VIEWS, view
