"""Reads that answer the same rows select the same columns: `make docs` writes the first one's list into the others.

A field of the row type that the first one's list lacks is written into it, after the field that is before it, as the
column of that name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, get_type_hints

from atb_db.repository import statements
from atb_db.sqlfile import query_file, sql_root
from tests.docs.described import row_of

FIRST: Final[Mapping[str, tuple[str, ...]]] = {
    "control.get_control_flag": ("control.get_active_control_flags",),
    "events.get_recent_events": ("events.get_operational_events",),
    "orders.get_order": ("orders.get_orders_for_position", "orders.get_pending_orders"),
    "positions.get_position": ("positions.get_active_positions",),
    "sessions.get_trading_session": ("sessions.get_active_sessions",),
    "strategies.get_strategy": ("strategies.list_strategies",),
    "trades.get_recent_trades": ("trades.get_trades_since",),
}
"""The read in whose file the list is edited, and those that have it from there."""
_LIST: Final = re.compile(r"\A(?:--[^\n]*\n)+(?P<columns>SELECT .*?\n)(?=  FROM )", re.DOTALL)
_ITEMS: Final = re.compile(r""" (?:[^,("]|"[^"]*"|\([^()]*(?:\([^()]*\)[^()]*)*\))+""", re.VERBOSE)
_ALIAS: Final = re.compile(r"\w+\.")
_OUTPUT: Final = re.compile(r'(?:"(?P<quoted>[^"]+)"|(?P<plain>\w+))\Z')
_WIDTH: Final = 120


def columns(path: Path) -> str | None:
    """The select list of a file that begins with one."""
    found = _LIST.match(path.read_text(encoding="utf-8"))
    return found["columns"] if found else None


def completed(listed: str, fields: list[str]) -> str:
    """The select list with those of the fields that it lacks; as it is where it lacks none."""
    items = [item.strip() for item in _ITEMS.findall(" ".join(listed.removeprefix("SELECT").split()))]
    alias = _ALIAS.match(items[0])
    lacking = [field for field in fields if field not in map(_output, items)]
    for field in lacking:
        before = [_output(item) for item in items].index(fields[fields.index(field) - 1])
        items.insert(before + 1, (alias[0] if alias else "") + field)
    return "\n".join(_wrapped(items)) + "\n" if lacking else listed


def _output(item: str) -> str:
    found = _OUTPUT.search(item)
    assert found is not None, item
    return found["quoted"] or found["plain"]


def _wrapped(items: list[str]) -> Iterator[str]:
    line = "SELECT"
    for item in [*(f"{one}," for one in items[:-1]), items[-1]]:
        if len(line) + 1 + len(item) > _WIDTH:
            yield line
            line = " " * 6
        line += f" {item}"
    yield line


def written(name: str, columns_of_first: str) -> str:
    """The file of a read with that list in the place of its own."""
    text = _file(name).read_text(encoding="utf-8")
    found = _LIST.match(text)
    assert found is not None, name
    return text[: found.start("columns")] + columns_of_first + text[found.end("columns") :]


def write() -> None:
    """Write the lists."""
    declared = {one.name: one for one in statements()}
    for first, others in FIRST.items():
        found, row = columns(_file(first)), row_of(declared[first])
        assert found is not None, first
        assert row is not None, first
        plain = [name for name, kind in get_type_hints(row).items() if not str(kind).startswith("tuple[")]
        found = completed(found, plain)
        for name in (first, *others):
            _file(name).write_text(written(name, found), encoding="utf-8")


def same() -> list[list[str]]:
    """The reads with the same list, wherever there are several."""
    found: dict[str, list[str]] = {}
    for path in sorted((sql_root() / "queries").rglob("*.sql")):
        one = columns(path)
        if one is not None:
            found.setdefault(one, []).append(f"{path.parent.name}.{path.stem}")
    return [names for names in found.values() if len(names) > 1]


def _file(name: str) -> Path:
    return query_file(*name.split("."))


if __name__ == "__main__":
    write()
