"""The replica of a database: its pool, and how fresh it is known to be."""

from __future__ import annotations

from time import monotonic

from atb_db.config import Settings
from atb_db.database.aio.connector import connector
from atb_db.database.aio.pool import AsyncPool
from atb_db.database.forking import renew_in_children
from atb_db.database.observing import Observer
from atb_db.database.replica import Freshness


class Replica:
    """A replica's pool, and how fresh it is known to be."""

    def __init__(self, settings: Settings, observer: Observer | None = None) -> None:
        self._settings = settings._replace(conninfo=settings.replica_conninfo or "", pool_min=0)
        self.pool = AsyncPool(self._settings, connector(self._settings, observer))
        self.freshness = Freshness(settings.replica_lag)
        self._renew()
        renew_in_children(self, Replica._renew)

    def _renew(self) -> None:
        """As for threads."""
        self.measuring = False

    async def fail(self) -> None:
        """As for threads."""
        await self.pool.drain()
        self.freshness.fail(monotonic())
