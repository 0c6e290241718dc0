"""Running statements: `Database` for threads, `AsyncDatabase` for asyncio."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from atb_db.database.aio import AsyncDatabase, AsyncTransaction
    from atb_db.database.connecting import ServerInfo
    from atb_db.database.health import Health, JournalDepth
    from atb_db.database.pool import PoolStatistics
    from atb_db.database.retry import OnRetry, RetryEvent
    from atb_db.database.sync import Database, Transaction

__all__ = [
    "AsyncDatabase",
    "AsyncTransaction",
    "Database",
    "Health",
    "JournalDepth",
    "OnRetry",
    "PoolStatistics",
    "RetryEvent",
    "ServerInfo",
    "Transaction",
]

_HOMES: Final = {
    "AsyncDatabase": "aio",
    "AsyncTransaction": "aio",
    "Database": "sync",
    "Health": "health",
    "JournalDepth": "health",
    "OnRetry": "retry",
    "PoolStatistics": "pool",
    "RetryEvent": "retry",
    "ServerInfo": "connecting",
    "Transaction": "sync",
}


def __getattr__(name: str) -> object:
    # A command that needs one connection, such as `atb-db health`, loads no pool and no asyncio twin.
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
