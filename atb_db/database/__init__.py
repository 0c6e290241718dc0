"""Running statements: `Database` for threads, `AsyncDatabase` for asyncio."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from atb_db.database.aio.database import AsyncDatabase
    from atb_db.database.aio.transaction import AsyncTransaction
    from atb_db.database.connecting import ServerInfo
    from atb_db.database.health import Health, JournalDepth
    from atb_db.database.observing import ErrorCount, Metrics, Observer, PoolStatistics, StatementMetrics
    from atb_db.database.retry import OnRetry, RetryEvent
    from atb_db.database.sync.database import Database
    from atb_db.database.sync.transaction import Transaction


__all__ = [
    "AsyncDatabase",
    "AsyncTransaction",
    "Database",
    "ErrorCount",
    "Health",
    "JournalDepth",
    "Metrics",
    "Observer",
    "OnRetry",
    "PoolStatistics",
    "RetryEvent",
    "ServerInfo",
    "StatementMetrics",
    "Transaction",
]

_HOMES: Final = {
    "AsyncDatabase": "aio.database",
    "AsyncTransaction": "aio.transaction",
    "Database": "sync.database",
    "ErrorCount": "observing",
    "Health": "health",
    "JournalDepth": "health",
    "Metrics": "observing",
    "Observer": "observing",
    "OnRetry": "retry",
    "PoolStatistics": "observing",
    "RetryEvent": "retry",
    "ServerInfo": "connecting",
    "StatementMetrics": "observing",
    "Transaction": "sync.transaction",
}


def __getattr__(name: str) -> object:
    # A command that needs one connection, such as `atb-db health`, loads no pool and no asyncio twin.
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
