"""psycopg_pool's pools, with deadlines: nobody gets a connection that is dead, or waits longer than its call may take.

psycopg_pool connects in the background. Each attempt gets its own deadline, the newest failure is the reason that
callers are given, and as long as anybody waits there is another attempt every half second.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Final
from weakref import ref

from psycopg_pool import PoolClosed, TooManyRequests

from atb_db.config import Settings
from atb_db.database.connections import Guarded
from atb_db.database.observing import PoolStatistics
from atb_db.database.retry import CONNECTING
from atb_db.errors import AtbDbError, ConfigurationError, PoolExhausted, Unavailable

LIFETIME: Final = 3600.0
"""Seconds after which a connection is replaced, less up to a tenth so that not all are at once."""
IDLE: Final = 600.0
"""Seconds after which a connection that nobody needed is closed."""
_FOREVER: Final = 1e9
CLOSING: Final = 2.0


class Attempts:
    """What both pools know of their attempts to connect."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.trouble: AtbDbError | None = None
        self.under_way: list[None] = []
        self.begun = False

    def wait(self, until: float) -> float:
        """Seconds that a call may wait for a connection."""
        return min(until - monotonic(), self.settings.pool_timeout or _FOREVER)

    def refusal(self, error: Exception, seconds: float, *, exact: bool) -> AtbDbError:
        """Why there is no connection; `exact` is whether only those who still wait were counted."""
        most = self.settings.pool_max
        if isinstance(error, PoolClosed):
            return AtbDbError("the database is closed")
        if isinstance(error, TooManyRequests) and (exact or self.trouble is None):
            waiting = self.settings.pool_waiting
            return PoolExhausted(f"no connection was to be had: all {most} are in use and {waiting} wait")
        if isinstance(self.trouble, ConfigurationError):
            return ConfigurationError(self.trouble.message)
        if self.trouble is not None:
            return Unavailable(self.trouble.message, sqlstate=self.trouble.sqlstate)
        if self.under_way:
            return Unavailable("the server did not accept a connection in time")
        return PoolExhausted(f"no connection was to be had: all {most} were in use for {max(seconds, 0):.3g} s")

    def statistics(self, stats: dict[str, int]) -> PoolStatistics:
        """psycopg_pool's figures under plain names."""
        return PoolStatistics(
            open=stats.get("pool_size", 0),
            idle=stats.get("pool_available", 0),
            waiting=stats.get("requests_waiting", 0),
            limit=self.settings.pool_max,
        )

    def arguments(self) -> dict[str, float]:
        """Arguments of both of psycopg_pool's classes."""
        return {
            "min_size": self.settings.pool_min,
            "max_size": self.settings.pool_max,
            "max_waiting": self.settings.pool_waiting,
            "max_lifetime": LIFETIME,
            "max_idle": IDLE,
            "reconnect_timeout": CONNECTING,
        }


class Loans:
    """Which connections a pool has to find somewhere: in itself, or with somebody.

    An interruption may come between any two steps of Python, also while a connection changes hands; then nobody has it.
    """

    def __init__(self) -> None:
        self._known: set[ref[Guarded]] = set()
        self.gone: deque[ref[Guarded]] = deque()
        """Connections that nobody has any more, closed properly or not."""

    def add(self, connection: Guarded) -> None:
        """Look after it until it is closed."""
        known = ref(connection, self.gone.append)
        self._known.add(known)
        connection.ended = partial(self._known.discard, known)

    def abandon(self) -> None:
        """Close them all, also those in use."""
        for connection in filter(None, [known() for known in self._known]):
            connection.abandon()

    def lost(self) -> Iterator[None]:
        """Once for each that is gone and was never closed."""
        self.gone.clear()
        for known in [one for one in self._known.copy() if one() is None]:
            with suppress(KeyError):  # another thread was faster
                self._known.remove(known)
                yield None
