"""docs/domain.md names things that exist, and forgets none."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from atb_db import repository
from atb_db.admin.schema.catalog import expected_catalog
from atb_db.cli.app import app
from atb_db.repository import statements

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "domain.md").read_text(encoding="utf-8")
NAMES = set(re.findall(r"`([^`\n]+)`", TEXT))
# Without the tables' heads and the lines below them.
ROWS = re.findall(r"^\|(?!---).*\|$(?!\n\|---)", TEXT, re.MULTILINE)
CATALOG = {
    kind: {entry.name for entry in expected_catalog() if entry.kind == kind} for kind in ("table", "view", "enum")
}
STATEMENTS = {declared.name for declared in statements()}


@cache
def functions_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}


def exists(name: str) -> bool:
    if name.startswith("tests/"):
        path, _, test = name.partition("::")
        return (ROOT / path).exists() if not test else test.startswith("test_") and test in functions_of(path)
    if name.startswith("atb-db "):
        return name.removeprefix("atb-db ") in {command.name for command in app.registered_commands}
    if name.startswith("reporting."):
        return name in CATALOG["view"]
    module, _, function = name.partition(".")
    if function:
        return name in STATEMENTS or callable(getattr(getattr(repository, module, None), function, None))
    return name in CATALOG["table"] | CATALOG["enum"]


def test_what_is_named_exists() -> None:
    assert {name for name in NAMES if not exists(name)} == set()


@pytest.mark.parametrize("kind", ["table", "enum"])
def test_nothing_is_forgotten(kind: str) -> None:
    assert CATALOG[kind] - NAMES == set()


def test_no_view_is_forgotten() -> None:
    assert {view for view in CATALOG["view"] if view.startswith("reporting.")} - NAMES == set()


def test_every_line_names_a_test() -> None:
    assert len(ROWS) > 80
    assert [row for row in ROWS if "::test_" not in row] == []


def test_all_eighteen_failures_are_there() -> None:
    numbers = [int(number) for number in re.findall(r"^\| (\d+) ", TEXT, re.MULTILINE)]
    assert numbers == sorted(numbers)
    assert set(numbers) >= set(range(1, 19))
