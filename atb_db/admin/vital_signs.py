"""Vital signs of a server: connections, transactions, clock and replicas, and their problems."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

from atb_db.admin.findings import Finding, Level
from atb_db.admin.quoting import literal, quoted
from atb_db.admin.readable import shown_size
from atb_db.config import Settings

_LONG_TRANSACTION: Final = 300.0
_CLOCK_SECONDS: Final = 5.0
_OLD_TRANSACTION_IDS: Final = 1_000_000_000
_KEPT_LOG: Final = 1 << 30
_SEGMENT: Final = 1 << 24
ARCHIVE_SLOT: Final = "atb_archive_"
"""With which the slots of archivers begin."""
_BEHIND_SECONDS: Final = 60.0


class VitalSigns(NamedTuple):
    """How a server is doing; times are in seconds."""

    server_limit: int
    own_limit: int | None
    connections: int
    own_connections: int
    sees_everybody: bool
    """Whether the role is shown other roles' sessions and followers in full; else only a part is known of them."""
    oldest_pid: int | None
    oldest_application: str | None
    oldest_seconds: float | None
    server_time: datetime
    transaction_age: int
    is_standby: bool
    standby_seconds: float | None
    waits_for_nobody: bool
    """Whether commits wait for a synchronous standby, and none is connected as far as the role can see."""
    bytes: int

    @property
    def free(self) -> int:
        """Connections that could still be made with this role."""
        free = self.server_limit - self.connections
        return max(0, free if self.own_limit is None else min(free, self.own_limit - self.own_connections))


class Follower(NamedTuple):
    """Who follows the server's log."""

    follower: str
    is_connected: bool
    bytes_behind: int | None
    """None where the role may not see it."""
    seconds_behind: float | None

    @property
    def archives(self) -> bool:
        """Whether it is an archiver of `atb-db archive` that has the log but for the last moments."""
        close = self.bytes_behind is not None and self.bytes_behind < _SEGMENT
        return self.is_connected and close and self.follower.startswith(ARCHIVE_SLOT)


def signs_findings(signs: VitalSigns, settings: Settings, *, ahead: float = 0.0) -> Iterator[Finding]:
    """Problems of such a server; its clock is `ahead` seconds."""
    most = signs.server_limit if signs.own_limit is None else min(signs.server_limit, signs.own_limit)
    wanted, repair = str(settings.pool_max), f"DATABASE_POOL_MAX={max(1, most // 2)}, or a larger limit on the server"
    if settings.pool_max > most:
        yield Finding("pool", "DATABASE_POOL_MAX", "too large", f"at most {most}", wanted, Level.ERROR, repair)
    elif settings.pool_max > signs.free:
        free = f"at most {signs.free}, which are free"
        yield Finding("pool", "DATABASE_POOL_MAX", "does not fit", free, wanted, Level.WARNING, repair)
    if signs.oldest_seconds is not None and signs.oldest_seconds > _LONG_TRANSACTION:
        where, age = f"process {signs.oldest_pid} ({signs.oldest_application})", f"{signs.oldest_seconds:.0f} s"
        end = f"SELECT pg_terminate_backend({signs.oldest_pid})"
        yield Finding("transaction", where, "long", f"at most {_LONG_TRANSACTION:.0f} s", age, Level.WARNING, end)
    if signs.waits_for_nobody and signs.sees_everybody:
        where, due = "synchronous_standby_names", "a connected standby"
        yield Finding("replication", where, "lost", due, "none: every commit waits", Level.ERROR, None)
    if abs(ahead) > _CLOCK_SECONDS:
        yield Finding("clock", "server", "differs", "this machine's", f"{ahead:+.1f} s", Level.WARNING, None)
    if signs.transaction_age > _OLD_TRANSACTION_IDS:
        age = f"{signs.transaction_age:,}"
        yield Finding("transaction ids", "database", "run out", "at most 1e9", age, Level.ERROR, "VACUUM FREEZE")
    if signs.standby_seconds is not None and signs.standby_seconds > _BEHIND_SECONDS:
        behind = f"{signs.standby_seconds:.0f} s"
        yield Finding("replication", "this standby", "behind", "at most 60 s", behind, Level.WARNING, None)


def follower_findings(one: Follower) -> Iterator[Finding]:
    """Problems of one."""
    kept, behind = one.bytes_behind or 0, "unknown" if one.bytes_behind is None else shown_size(one.bytes_behind)
    if not one.is_connected:
        level = Level.ERROR if kept > _KEPT_LOG else Level.WARNING
        drop = f"SELECT pg_drop_replication_slot({literal(one.follower)}), if nobody comes back for it"
        yield Finding("replication slot", one.follower, "not in use", "in use", f"keeps {behind}", level, drop)
    elif kept > _KEPT_LOG or (one.seconds_behind or 0) > _BEHIND_SECONDS:
        yield Finding("replication", one.follower, "behind", "at most 60 s and 1 GiB", behind, Level.WARNING, None)


def hidden_findings(signs: VitalSigns, role: str) -> Iterator[Finding]:
    """What the role cannot see, and what lets it."""
    if not signs.sees_everybody:
        hidden = "others' transactions, and how far followers are behind, are hidden"
        grant = f"GRANT pg_monitor TO {quoted(role)}"
        yield Finding("role", role, "sees a part", "a member of pg_monitor", hidden, Level.INFO, grant)
