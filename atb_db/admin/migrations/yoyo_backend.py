"""yoyo's access to the database, without its lock table, its trial DDL and its URLs."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from random import uniform
from typing import Final
from uuid import uuid4

from psycopg.conninfo import conninfo_to_dict, make_conninfo
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI
from yoyo.migrations import Migration

from atb_db.admin.errors import LockHeld
from atb_db.admin.locks import MIGRATIONS, try_lock
from atb_db.config import Settings
from atb_db.database.connecting import connect_arguments

_TABLE: Final = "_yoyo_migration"
_POLL_SECONDS: Final = 0.1


LOCK_TIMEOUT: Final = 2.0
"""Seconds that a statement waits for a lock, and so makes others wait behind it; then the migration is tried again.

Longer than the server's deadlock_timeout (1 s), after which autovacuum gives way.
"""

# The server notices within seconds that this process is gone, however it went, and lets go of its locks.
_LIVENESS: Final = (
    "-c client_connection_check_interval=500"
    " -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
)


class Backend(PostgresqlPsycopgBackend):
    """yoyo on a connection of ours; every table is made in the schema public.

    yoyo's own `get_backend()` writes before anything is asked of it, and takes neither sockets nor several hosts.
    """

    def __init__(self, uri: DatabaseURI, migration_table: str = _TABLE) -> None:
        super().__init__(uri, migration_table)

    @classmethod
    def connect_to(cls, settings: Settings) -> Backend:
        """Connect; a migration's statements may run for as long as they need, and wait for a lock only briefly."""
        conninfo = connect_arguments(settings._replace(statement_timeout=0, lock_timeout=LOCK_TIMEOUT)).conninfo
        options = conninfo_to_dict(conninfo).get("options")
        keywords = {
            "conninfo": make_conninfo(conninfo, options=f"{options} {_LIVENESS}"),
            "schema": "public",
            "prepare_threshold": None,
        }
        return cls(DatabaseURI("postgresql+psycopg", None, None, None, None, None, keywords))

    @contextmanager
    def lock(self, timeout: float = 60) -> Iterator[None]:
        """Hold the lock on migrations until the connection closes; yoyo's own outlives a process that is killed.

        Raises:
            LockHeld: it was not to be had within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        # A lock that is waited for in the server would make CREATE INDEX CONCURRENTLY wait for the waiting.
        while not try_lock(self.connection, MIGRATIONS):
            if time.monotonic() >= deadline:
                raise LockHeld(f"another migration is under way; waited {timeout:g} s for it to finish")
            # Not all at the same moment: two that see each other's lock both give it back.
            time.sleep(_POLL_SECONDS * uniform(0.5, 1.5))  # noqa: S311
        yield

    def get_log_data(self, migration: Migration | None = None, operation: str = "apply") -> dict[str, object]:
        """What is logged of a migration; yoyo's own fails for a process whose user has no name."""
        return {
            "id": str(uuid4()),
            "migration_id": migration.id if migration else None,
            "migration_hash": migration.hash if migration else None,
            "username": self.connection.info.user,
            "hostname": socket.gethostname(),
            "created_at_utc": datetime.now(UTC).replace(tzinfo=None),
            "operation": operation,
        }
