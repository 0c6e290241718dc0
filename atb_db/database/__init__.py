"""Running statements: `Database` for threads, `AsyncDatabase` for asyncio."""

from __future__ import annotations

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
