"""The repository: what can be read from and written to the books, one function per SQL file."""

from __future__ import annotations

from atb_db.repository import account, audit, events, metrics, orders, positions, reports, sessions, trades
from atb_db.statement import Declared, declarations

__all__ = [
    "account",
    "audit",
    "events",
    "metrics",
    "orders",
    "positions",
    "reports",
    "sessions",
    "statements",
    "trades",
]


def statements() -> list[Declared[object]]:
    """Every declared statement, by name."""
    return declarations([account, audit, events, metrics, orders, positions, reports, sessions, trades])
