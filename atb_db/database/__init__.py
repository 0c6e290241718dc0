"""Running statements: `Database` for threads, `AsyncDatabase` for asyncio."""

from __future__ import annotations

from atb_db.database.aio import AsyncDatabase, AsyncTransaction
from atb_db.database.session import PoolStatistics, ServerInfo
from atb_db.database.sync import Database, Transaction

__all__ = ["AsyncDatabase", "AsyncTransaction", "Database", "PoolStatistics", "ServerInfo", "Transaction"]
