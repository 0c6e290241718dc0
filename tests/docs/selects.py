"""Reads that answer the same rows select the same columns: `make docs` writes the first one's list into the others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from atb_db.sqlfile import query_file, sql_root

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


def columns(path: Path) -> str | None:
    """The select list of a file that begins with one."""
    found = _LIST.match(path.read_text(encoding="utf-8"))
    return found["columns"] if found else None


def written(name: str, columns_of_first: str) -> str:
    """The file of a read with that list in the place of its own."""
    text = _file(name).read_text(encoding="utf-8")
    found = _LIST.match(text)
    assert found is not None, name
    return text[: found.start("columns")] + columns_of_first + text[found.end("columns") :]


def write() -> None:
    """Write the lists."""
    for first, others in FIRST.items():
        found = columns(_file(first))
        assert found is not None, first
        for name in others:
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
