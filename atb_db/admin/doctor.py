"""An installation at a glance: configuration, server, programs, migrations, backups, load."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from statistics import median
from time import perf_counter
from typing import Final, NamedTuple

from psycopg.conninfo import conninfo_to_dict

from atb_db.admin.collation import read_collations
from atb_db.admin.connection import Connection, as_login, ask, changing, perform
from atb_db.admin.destroy.guards import read_target
from atb_db.admin.encryption import encryption_findings, read_encryption, shown_encryption
from atb_db.admin.engines import engine_findings, replica_findings
from atb_db.admin.errors import ToolMissing
from atb_db.admin.findings import Finding, Level
from atb_db.admin.migrations import State, read_status
from atb_db.admin.privacy import dotenv_findings
from atb_db.admin.programs import tool_for
from atb_db.admin.readable import shown_duration, shown_size
from atb_db.admin.schema.guarantees import guarantee_findings
from atb_db.admin.vital_signs import Follower, VitalSigns, follower_findings, hidden_findings, signs_findings
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
_FIX: Final = "atb-db fix-collation"


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
    """The findings."""

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


class _DeadRows(NamedTuple):
    table: str
    live: int
    dead: int


class _UnusedIndex(NamedTuple):
    name: str
    bytes: int


def diagnose(settings: Settings, *, url: str | None = None, source: Source = Source.ARGUMENT) -> Diagnosis:
    """Look at everything that can be looked at in a moment; writes nothing.

    `url` is the one of the command line, and `source` the option that gave it.
    """
    shown = tuple(_settings(settings, url, source))
    try:
        with changing(settings) as (connection, server), connection.transaction():
            # Not of the session: a pooler would give a session that cannot write to an engine.
            connection.execute("SET TRANSACTION READ ONLY")
            facts, findings = _examine(connection, server, settings)
    except (Unavailable, ConfigurationError) as error:
        return Diagnosis(shown, None, (), (), error.message)
    return Diagnosis(shown, server, facts, findings)


def _settings(settings: Settings, url: str | None, given_by: Source) -> Iterator[Setting]:
    known = dict(sources(url))
    if url:
        known["DATABASE_URL"] = given_by

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
    with as_login(connection):
        (signs,) = ask(connection, "vital_signs", VitalSigns)
        followers = ask(connection, "replication", Follower)
    ahead = (signs.server_time - began).total_seconds()
    target = read_target(connection)
    major = connection.info.server_version // 10000
    status = read_status(connection, server)
    is_archived = any(one.archives for one in followers)
    encryption = read_encryption(connection)
    now = datetime.now(UTC)
    backed_up, drilled = (_last(connection, kind) for kind in (EventType.BACKUP, EventType.RESTORE_DRILL))
    tools = {name: _tool(name, major) for name in _TOOLS}
    nobody = "none" if signs.sees_everybody else "unknown: this role is not shown those of others"
    oldest = nobody if signs.oldest_seconds is None else f"{signs.oldest_seconds:.1f} s"
    facts = (
        Fact("environment", f"{target.environment or 'unmarked'}, counts as {target.counts_as}"),
        Fact("encryption", shown_encryption(encryption)),
        Fact("latency", f"{latency * 1000:.1f} ms, the median of {_PINGS} round trips"),
        Fact("clock", f"{ahead:+.1f} s against this machine's"),
        Fact("size", f"{shown_size(signs.bytes)}, about {target.usage.rows:,} rows"),
        Fact("connections", f"{signs.connections} of {signs.server_limit} in use, {signs.free} to be had"),
        Fact("pools that fit", f"{signs.free // settings.pool_max} more of {settings.pool_max} connections"),
        Fact("longest transaction", oldest),
        Fact("psycopg", f"{version('psycopg')}, pool {version('psycopg-pool')}"),
        Fact("migrations", f"{len(status.applied)} applied, {len(status.pending)} pending"),
        *((Fact("archived", "continuously, but for the last moments"),) if is_archived else ()),
        Fact("last backup", _shown(backed_up, now)),
        Fact("last restore drill", _shown(drilled, now)),
        *(Fact(name, found) for name, found in tools.items() if isinstance(found, str)),
        *(Fact(f"follower {one.follower}", _behind(one)) for one in followers),
    )
    critical = Level.WARNING if target.counts_as is Environment.PRODUCTION else Level.INFO
    findings = [
        *signs_findings(signs, settings, ahead=ahead),
        *encryption_findings(encryption),
        *dotenv_findings(),
        *(
            Finding(
                "migration",
                one.id,
                str(one.state),
                "applied",
                str(one.state),
                Level.WARNING if one.state is State.UNCHECKED else Level.ERROR,
                one.repair,
            )
            for one in status.migrations
            if one.id in status.pending or one in status.problems or one.state is State.UNCHECKED
        ),
        *(() if is_archived else _age_findings(backed_up, now, "backup", BACKUP_EVERY, critical)),
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
        *(finding for one in followers for finding in follower_findings(one)),
        *hidden_findings(signs, server.user),
        *guarantee_findings(connection),
        *engine_findings(connection, now),
        *replica_findings(settings),
        *(
            Finding("psycopg", one.part, "missing", None, one.without, Level.INFO, None)
            for one in private.missing(connection)
        ),
    ]
    if latency > _SLOW_SECONDS:
        slow = f"{latency * 1000:.0f} ms"
        findings.append(Finding("latency", "round trip", "slow", "at most 50 ms", slow, Level.WARNING, None))
    return facts, tuple(findings)


def _behind(one: Follower) -> str:
    return (
        "behind by what this role is not shown"
        if one.bytes_behind is None
        else f"{shown_size(one.bytes_behind)} behind"
    )


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
        with connection.transaction():
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
