"""The replica of a database: its pool, and how fresh it is known to be."""

from __future__ import annotations

from threading import Lock
from time import monotonic

from atb_db.config import Settings
from atb_db.database.forking import renew_in_children
from atb_db.database.observing import Observer
from atb_db.database.replica import Freshness
from atb_db.database.sync.connector import connector
from atb_db.database.sync.pool import Pool


class Replica:
    """A replica's pool, and how fresh it is known to be."""

    def __init__(self, settings: Settings, observer: Observer | None = None) -> None:
        self._settings = settings._replace(conninfo=settings.replica_conninfo or "", pool_min=0)
        self.pool = Pool(self._settings, connector(self._settings, observer))
        self.freshness = Freshness(settings.replica_lag)
        self._renew()
        renew_in_children(self, Replica._renew)

    def _renew(self) -> None:
        """In a forked child: a thread of the parent may be measuring."""
        self.measuring = Lock()

    def fail(self) -> None:
        """Leave it alone for a while."""
        self.pool.drain()
        self.freshness.fail(monotonic())
