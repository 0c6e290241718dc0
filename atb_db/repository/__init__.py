"""The repository: what can be read from and written to the books, one function per SQL file."""

from __future__ import annotations

from atb_db.repository import (
    account,
    audit,
    control,
    dashboard,
    deployment,
    events,
    execution,
    markets,
    metrics,
    monitoring,
    optimization,
    orders,
    portfolio,
    positions,
    predictions,
    reconciliation,
    reports,
    risk,
    server,
    sessions,
    strategies,
    trades,
)
from atb_db.statement import Declared, declarations

__all__ = [
    "account",
    "audit",
    "control",
    "dashboard",
    "deployment",
    "events",
    "execution",
    "markets",
    "metrics",
    "monitoring",
    "optimization",
    "orders",
    "portfolio",
    "positions",
    "predictions",
    "reconciliation",
    "reports",
    "risk",
    "server",
    "sessions",
    "statements",
    "strategies",
    "trades",
]


def statements() -> list[Declared[object]]:
    """Every declared statement, by name."""
    return declarations(
        [
            account,
            audit,
            control,
            deployment,
            events,
            execution,
            markets,
            metrics,
            monitoring,
            optimization,
            orders,
            portfolio,
            positions,
            predictions,
            reconciliation,
            reports,
            risk,
            server,
            sessions,
            strategies,
            trades,
        ]
    )
