"""Which server leads when several may: one that was replaced, and does not know it yet, is not worked with again.

A primary that was paused or cut off while its standby was promoted answers for a while as if nothing had happened. With
synchronous replication it cannot commit; but what it reads is of yesterday, and it refuses what it has never heard of.
Each promotion begins a new timeline, so the server on the highest one is the one that leads.
"""

from __future__ import annotations

from threading import Lock
from typing import Final

from psycopg.conninfo import conninfo_to_dict

from atb_db.database.forking import renew_in_children
from atb_db.errors import Unavailable

TIMELINE: Final = """
SELECT system_identifier,
       CASE WHEN NOT pg_is_in_recovery()
            -- The file's name begins with the timeline; the control file has it only from the next checkpoint on.
            THEN ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int
       END AS timeline
  FROM pg_control_system()
"""


class Lineage:
    """The newest timeline that any connection of a pool has seen."""

    def __init__(self, conninfo: str) -> None:
        parts = conninfo_to_dict(conninfo)
        self.matters: Final = any("," in str(parts.get(name) or "") for name in ("host", "hostaddr", "port"))
        """Whether there is more than one server to ask."""
        self._cluster: object = None
        self._newest = 0
        self._renew()
        renew_in_children(self, Lineage._renew)

    def _renew(self) -> None:
        """In a forked child: a thread of the parent may hold the lock."""
        self._lock = Lock()

    def check(self, row: tuple[object, ...] | None) -> None:
        """Refuse a server that was replaced, by its answer to `TIMELINE`; standbys have no timeline of their own.

        Raises:
            Unavailable: a server of the same cluster on a later timeline was seen before.
        """
        cluster, timeline = row or (None, None)
        if not isinstance(timeline, int):
            return
        with self._lock:
            if cluster == self._cluster and timeline < self._newest:
                raise Unavailable(
                    f"the server was replaced: it is on timeline {timeline}, and another leads on {self._newest}"
                )
            self._cluster, self._newest = cluster, timeline
