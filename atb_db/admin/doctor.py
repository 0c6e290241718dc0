"""What can be said of an installation at a glance: configuration, server, programs, migrations, backups, load."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from statistics import median
from time import perf_counter
from typing import Final, NamedTuple

from psycopg.conninfo import conninfo_to_dict

from atb_db.admin.collation import read_collations
from atb_db.admin.connection import Connection, ask, changing, perform
from atb_db.admin.destroy.guards import read_target
from atb_db.admin.errors import ToolMissing
from atb_db.admin.findings import Finding, Level
from atb_db.admin.migrations import read_status
from atb_db.admin.programs import tool_for
from atb_db.admin.quoting import literal
from atb_db.admin.readable import shown_duration, shown_size
from atb_db.config import DEFAULTS, URL_SETTINGS, Settings, Source, redacted, sources, variable
from atb_db.database import private
from atb_db.database.connecting import ServerInfo
from atb_db.errors import ConfigurationError, SchemaMismatch, Unavailable
from atb_db.repository import events
from atb_db.types import Environment, EventType

BACKUP_EVERY: Final = timedelta(minutes=15)
DRILL_EVERY: Final = timedelta(days=90)

_TOOLS: Final = ("psql", "pg_dump", "pg_restore")
_PINGS: Final = 5
_SLOW_SECONDS: Final = 0.05
_LONG_TRANSACTION: Final = 300.0
_CLOCK_SECONDS: Final = 5.0
_OLD_TRANSACTION_IDS: Final = 1_000_000_000
_FIX: Final = "atb-db fix-collation"
_KEPT_LOG: Final = 1 << 30
_BEHIND_SECONDS: Final = 60.0


class Setting(NamedTuple):
    """A setting as it is in force."""

    name: str
    value: str
    """Without secrets."""
    source: Source


class Fact(NamedTuple):
    """Something about the server."""

    what: str
    value: str


class Diagnosis(NamedTuple):
    """What was found."""

    settings: tuple[Setting, ...]
    server: ServerInfo | None
    """None if it could not be reached."""
    facts: tuple[Fact, ...]
    findings: tuple[Finding, ...]
    unreachable: str | None = None
    """Why the server could not be reached."""

    @property
    def healthy(self) -> bool:
        """Whether nothing has to be done."""
        return self.unreachable is None and all(one.level is Level.INFO for one in self.findings)


class VitalSigns(NamedTuple):
    """How a server is doing; times are in seconds."""

    server_limit: int
    own_limit: int | None
    connections: int
    own_connections: int
    oldest_pid: int | None
    oldest_application: str | None
    oldest_seconds: float | None
    server_time: datetime
    transaction_age: int
    is_standby: bool
    standby_seconds: float | None
    bytes: int

    @property
    def free(self) -> int:
        """Connections that could still be made with this role."""
        free = self.server_limit - self.connections
        return max(0, free if self.own_limit is None else min(free, self.own_limit - self.own_connections))


class _DeadRows(NamedTuple):
    table: str
    live: int
    dead: int


class _UnusedIndex(NamedTuple):
    name: str
    bytes: int


class _Follower(NamedTuple):
    follower: str
    is_connected: bool
    bytes_behind: int
    seconds_behind: float | None


def diagnose(settings: Settings, *, url: str | None = None) -> Diagnosis:
    """Look at everything that can be looked at in a moment; writes nothing. `url` is the one of the command line."""
    shown = tuple(_settings(settings, url))
    try:
        with changing(settings) as (connection, server):
            connection.execute("SET default_transaction_read_only = on")
            facts, findings = _examine(connection, server, settings)
    except (Unavailable, ConfigurationError) as error:
        return Diagnosis(shown, None, (), (), error.message)
    return Diagnosis(shown, server, facts, findings)


def _settings(settings: Settings, url: str | None) -> Iterator[Setting]:
    known = sources(url)

    def source(name: str) -> Source:
        return known.get(name, Source.DEFAULT)

    yield Setting("DATABASE_URL", redacted(settings.conninfo), source("DATABASE_URL"))
    parts = conninfo_to_dict(settings.conninfo)
    for one in URL_SETTINGS:
        if one.part is not None:
            yield Setting(one.variable, str(parts[one.part]), source(one.variable))
    values = settings._asdict()
    for field in DEFAULTS:
        yield Setting(variable(field), str(values[field]), source(variable(field)))
    if settings.replica_conninfo is not None:
        yield Setting("DATABASE_REPLICA_URL", redacted(settings.replica_conninfo), source("DATABASE_REPLICA_URL"))


def _examine(
    connection: Connection, server: ServerInfo, settings: Settings
) -> tuple[tuple[Fact, ...], tuple[Finding, ...]]:
    latency = _latency(connection)
    began = datetime.now(UTC)
    (signs,) = ask(connection, "vital_signs", VitalSigns)
    ahead = (signs.server_time - began).total_seconds()
    target = read_target(connection)
    major = connection.info.server_version // 10000
    status = read_status(connection, server)
    followers = ask(connection, "replication", _Follower)
    now = datetime.now(UTC)
    backed_up, drilled = (_last(connection, kind) for kind in (EventType.BACKUP, EventType.RESTORE_DRILL))
    tools = {name: _tool(name, major) for name in _TOOLS}
    oldest = "none" if signs.oldest_seconds is None else f"{signs.oldest_seconds:.1f} s"
    facts = (
        Fact("environment", f"{target.environment or 'unmarked'}, counts as {target.counts_as}"),
        Fact("latency", f"{latency * 1000:.1f} ms, the median of {_PINGS} round trips"),
        Fact("clock", f"{ahead:+.1f} s against this machine's"),
        Fact("size", f"{shown_size(signs.bytes)}, about {target.usage.rows:,} rows"),
        Fact("connections", f"{signs.connections} of {signs.server_limit} in use, {signs.free} to be had"),
        Fact("pools that fit", f"{signs.free // settings.pool_max} more of {settings.pool_max} connections"),
        Fact("longest transaction", oldest),
        Fact("psycopg", f"{version('psycopg')}, pool {version('psycopg-pool')}"),
        Fact("migrations", f"{len(status.applied)} applied, {len(status.pending)} pending"),
        Fact("last backup", _shown(backed_up, now)),
        Fact("last restore drill", _shown(drilled, now)),
        *(Fact(name, found) for name, found in tools.items() if isinstance(found, str)),
        *(Fact(f"follower {one.follower}", f"{one.bytes_behind:,} bytes behind") for one in followers),
    )
    critical = Level.WARNING if target.counts_as is Environment.PRODUCTION else Level.INFO
    findings = [
        *signs_findings(signs, settings, ahead=ahead),
        *(
            Finding("migration", one.id, str(one.state), "applied", str(one.state), Level.ERROR, one.repair)
            for one in status.migrations
            if one.id in status.pending or one in status.problems
        ),
        *_age_findings(backed_up, now, "backup", BACKUP_EVERY, critical),
        *_age_findings(drilled, now, "drill", DRILL_EVERY, critical),
        *(
            Finding("program", name, "missing", f"{major} or newer", found.message, critical, None)
            for name, found in tools.items()
            if isinstance(found, ToolMissing)
        ),
        *(
            Finding("collation", one.name, "changed", one.recorded or one.seen, one.actual, Level.ERROR, _FIX)
            for one in read_collations(connection)
            if one.changed
        ),
        *(
            Finding(
                "table", one.table, "bloated", None, f"{one.dead:,} dead rows", Level.WARNING, f"VACUUM {one.table}"
            )
            for one in ask(connection, "dead_rows", _DeadRows)
        ),
        *(
            Finding("index", one.name, "unused", None, f"{one.bytes:,} bytes", Level.INFO, None)
            for one in ask(connection, "unused_indexes", _UnusedIndex)
        ),
        *(finding for one in followers for finding in _follower_findings(one)),
        *(
            Finding("psycopg", one.part, "missing", None, one.without, Level.INFO, None)
            for one in private.missing(connection)
        ),
    ]
    if latency > _SLOW_SECONDS:
        slow = f"{latency * 1000:.0f} ms"
        findings.append(Finding("latency", "round trip", "slow", "at most 50 ms", slow, Level.WARNING, None))
    return facts, tuple(findings)


def signs_findings(signs: VitalSigns, settings: Settings, *, ahead: float = 0.0) -> Iterator[Finding]:
    """What is amiss with a server that is doing so; its clock is `ahead` seconds."""
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
    if abs(ahead) > _CLOCK_SECONDS:
        yield Finding("clock", "server", "differs", "this machine's", f"{ahead:+.1f} s", Level.WARNING, None)
    if signs.transaction_age > _OLD_TRANSACTION_IDS:
        age = f"{signs.transaction_age:,}"
        yield Finding("transaction ids", "database", "run out", "at most 1e9", age, Level.ERROR, "VACUUM FREEZE")
    if signs.standby_seconds is not None and signs.standby_seconds > _BEHIND_SECONDS:
        behind = f"{signs.standby_seconds:.0f} s"
        yield Finding("replication", "this standby", "behind", "at most 60 s", behind, Level.WARNING, None)


def _follower_findings(one: _Follower) -> Iterator[Finding]:
    behind = f"{one.bytes_behind:,} bytes"
    if not one.is_connected:
        level = Level.ERROR if one.bytes_behind > _KEPT_LOG else Level.WARNING
        drop = f"SELECT pg_drop_replication_slot({literal(one.follower)}), if nobody comes back for it"
        yield Finding("replication slot", one.follower, "not in use", "in use", f"keeps {behind}", level, drop)
    elif one.bytes_behind > _KEPT_LOG or (one.seconds_behind or 0) > _BEHIND_SECONDS:
        yield Finding("replication", one.follower, "behind", "at most 60 s and 1 GiB", behind, Level.WARNING, None)


def _age_findings(last: datetime | None, now: datetime, what: str, every: timedelta, level: Level) -> Iterator[Finding]:
    if last is None or now - last > every:
        problem = "missing" if last is None else "too old"
        due = f"every {every}".removesuffix(", 0:00:00")
        yield Finding(what, "system_events", problem, due, _shown(last, now), level, f"atb-db {what}")


def _latency(connection: Connection) -> float:
    """Seconds of a round trip."""

    def ping() -> float:
        began = perf_counter()
        connection.execute("SELECT 1")
        return perf_counter() - began

    return median(ping() for _ in range(_PINGS))


def _last(connection: Connection, kind: EventType) -> datetime | None:
    """When it was last recorded; None also where there is no schema yet."""
    try:
        found = perform(connection, events.get_operational_events(event_type=kind, limit=1))
    except SchemaMismatch:
        return None
    return found[0].timestamp if found else None


def _tool(name: str, major: int) -> str | ToolMissing:
    try:
        found = tool_for(name, major)
    except ToolMissing as error:
        return error
    return f"{found.version}, {found.path}"


def _shown(time: datetime | None, now: datetime) -> str:
    return "none" if time is None else f"{time:%Y-%m-%d %H:%M} UTC, {shown_duration(now - time)} ago"
