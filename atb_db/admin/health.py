"""Whether all is well, in one line and one round trip: for health checks of containers, cron jobs and heartbeats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Final, NamedTuple

from psycopg.errors import InsufficientPrivilege, UndefinedFunction, UndefinedTable

from atb_db.admin.connection import ask, ask_together
from atb_db.admin.readable import counted, shown_duration
from atb_db.config import Settings
from atb_db.database.connecting import UTC_AND_ISO, accept, connect_arguments
from atb_db.database.connections import Connection
from atb_db.database.translation import translated
from atb_db.errors import AtbDbError, ConfigurationError, JournalUnusable, Unavailable
from atb_db.sqlfile import sql_root

MAX_SILENCE: Final = timedelta(minutes=10)
"""Without a sign of life for longer, an engine is taken to be stuck; a dead one is another matter, and much later."""
_SECONDS: Final = 5.0
"""That the server may take for its answers; connecting has a limit of its own."""
_NAMED: Final = 3


class Server(NamedTuple):
    """What the server says of itself."""

    version: str
    is_standby: bool
    is_read_only: bool
    has_schema: bool
    has_records: bool
    """Whether there is a record of migrations."""
    may_read_records: bool


class SessionSign(NamedTuple):
    """An active LIVE or PAPER session."""

    id: int
    name: str
    mode: str
    silent_seconds: float
    """Since its engine's last sign of life."""
    awaits_engine: bool
    """Whether it was only imported, and no engine has taken it up."""
    held_by: str | None
    """The engine whose hold has not expired; None without one."""


class Flag(NamedTuple):
    """An active control flag."""

    name: str
    reason: str
    source: str
    active_seconds: float


class Protection(NamedTuple):
    """What would bring the database back."""

    seconds: float | None
    """Age of the newest backup that is on record; None if none is."""
    is_archived: bool
    """Whether an archiver has the server's log but for the last moments; see `atb-db archive`."""


class _Applied(NamedTuple):
    id: str
    applied_at: datetime


class _Found(NamedTuple):
    server: Server
    sessions: tuple[SessionSign, ...] = ()
    flags: tuple[Flag, ...] = ()
    protection: Protection | None = None
    """None without atb_db's schema."""
    applied: set[str] | None = None
    """The migrations on record; None if there is no record, or this role may not read it."""


class Demand(NamedTuple):
    """What counts as healthy."""

    max_silence: timedelta = MAX_SILENCE
    rpo: timedelta | None = None
    """The oldest that the newest backup may be, unless an archiver follows; None if that does not matter here."""
    halt_is_fine: bool = False
    """Whether an active control flag, such as the kill switch, is no problem."""
    journals: Sequence[Path] = ()
    """Files of engines' journals."""


class Health(NamedTuple):
    """How it stands."""

    healthy: bool
    reachable: bool
    problems: tuple[str, ...]
    """Problems, a sentence for each, the worst first."""
    facts: tuple[str, ...]
    """Checks that passed, in a few words each."""
    sessions: tuple[SessionSign, ...] = ()
    flags: tuple[Flag, ...] = ()
    protection: Protection | None = None
    """None if it is not known."""

    def __str__(self) -> str:
        """One line."""
        if not self.reachable:
            return f"unreachable: {'; '.join(self.problems)}"
        if self.healthy:
            return f"healthy: {', '.join(self.facts)}"
        return f"unhealthy: {'; '.join(self.problems)}"


def check_health(settings: Settings, demand: Demand) -> Health:
    """What a health check finds; what cannot be reached is an answer, too, after a few seconds at the most."""
    journals = tuple(_journal_problems(demand))
    try:
        with _asking(settings) as connection:
            found = _read(connection, settings, demand)
    except (Unavailable, ConfigurationError) as error:
        return Health(healthy=False, reachable=False, problems=(error.message, *journals), facts=())
    problems = (*found.problems, *journals)
    return found._replace(healthy=not problems, problems=problems)


@contextmanager
def _asking(settings: Settings) -> Iterator[Connection]:
    """Connect only to read; the answers have their time, also when the server's machine stands still."""
    arguments = connect_arguments(settings._replace(statement_timeout=_SECONDS))
    with translated(), Connection.connect(arguments.conninfo, autocommit=True) as connection:
        connection.until = monotonic() + _SECONDS
        accept(connection)
        if settings.pgbouncer:
            connection.execute(UTC_AND_ISO)
        yield connection


def _read(connection: Connection, settings: Settings, demand: Demand) -> Health:
    found = _all_at_once(connection) or _one_by_one(connection)
    problems = [*_server_problems(found.server)]
    pending = _pending(found)
    if pending is None:
        problems.append("this role may not read which migrations it has")
    elif pending:
        problems.append(f"{counted(len(pending), 'migration')} pending: {_some(pending)}")
    if found.protection is None:
        return Health(healthy=not problems, reachable=True, problems=tuple(problems), facts=())
    problems += _silent(found.sessions, demand)
    problems += [] if demand.halt_is_fine else map(_shown_flag, found.flags)
    problems += _unprotected(found.protection, demand)
    if settings.replica_conninfo is not None:
        problems += _replica_problems(settings)
    facts = (*_facts(found.sessions, found.protection), *(map(_shown_flag, found.flags) if demand.halt_is_fine else ()))
    return Health(
        healthy=not problems,
        reachable=True,
        problems=tuple(problems),
        facts=facts,
        sessions=found.sessions,
        flags=found.flags,
        protection=found.protection,
    )


def _all_at_once(connection: Connection) -> _Found | None:
    """Everything in one round trip; None where something is not there, or may not be read by this role."""
    try:
        answers = ask_together(
            connection, "health_server", "health_sessions", "health_flags", "health_backup", "applied_migrations"
        )
    except (UndefinedTable, UndefinedFunction, InsufficientPrivilege):
        return None
    (server,) = answers.of(Server)
    sessions, flags, (protection,) = answers.of(SessionSign), answers.of(Flag), answers.of(Protection)
    applied = {one.id for one in answers.of(_Applied)}
    return _Found(server, tuple(sessions), tuple(flags), protection, applied)


def _one_by_one(connection: Connection) -> _Found:
    """What there is and may be read."""
    (server,) = ask(connection, "health_server", Server)
    readable = server.has_records and server.may_read_records
    applied = {one.id for one in ask(connection, "applied_migrations", _Applied)} if readable else None
    if not server.has_schema:
        return _Found(server, applied=applied)
    sessions, flags = ask(connection, "health_sessions", SessionSign), ask(connection, "health_flags", Flag)
    (protection,) = ask(connection, "health_backup", Protection)
    return _Found(server, tuple(sessions), tuple(flags), protection, applied)


def _server_problems(server: Server) -> Iterator[str]:
    if server.is_standby:
        yield "the server is a standby and takes no writes"
    elif server.is_read_only:
        yield "the server takes no writes: transactions are read-only by default"
    if not server.has_schema:
        yield "the database has no schema of atb_db, or an older one: atb-db migrate"


def _pending(found: _Found) -> list[str] | None:
    """The migrations of this release that are not on record; None if the role may not know."""
    known = sorted(path.stem for path in (sql_root() / "migrations").glob("*.sql"))
    known = [name for name in known if not name.endswith(".rollback")]
    if not found.server.has_records:
        return known if found.server.has_schema else []
    if found.applied is None:
        return None
    return [name for name in known if name not in found.applied]


def _unprotected(protection: Protection, demand: Demand) -> Iterator[str]:
    age = protection.seconds
    if demand.rpo is None or protection.is_archived or (age is not None and age <= demand.rpo.total_seconds()):
        return
    last = "no backup is on record" if age is None else f"the last backup is {_ago(age)} old"
    yield f"{last}, no archiver follows, and at most {shown_duration(demand.rpo)} may be lost"


def _silent(sessions: Sequence[SessionSign], demand: Demand) -> Iterator[str]:
    most = demand.max_silence.total_seconds()
    silent = [one for one in sessions if one.silent_seconds > most and not one.awaits_engine]
    end = f"atb-db end-crashed --silent {shown_duration(demand.max_silence).replace(' ', '')}"
    for one in silent[:_NAMED]:
        held = f"held by {one.held_by}" if one.held_by else f"held by nobody: start its engine again, or {end}"
        yield f"session {one.id} ({one.name}, {one.mode}) silent for {_ago(one.silent_seconds)}, {held}"
    if len(silent) > _NAMED:
        yield f"{counted(len(silent) - _NAMED, 'more session')} silent"


def _shown_flag(flag: Flag) -> str:
    return f"{flag.name} is on for {_ago(flag.active_seconds)}, set by {flag.source}: {flag.reason}"


def _replica_problems(settings: Settings) -> Iterator[str]:
    from atb_db.admin.engines import replica_findings

    for one in replica_findings(settings):
        yield f"the replica is {one.problem}: {one.actual}"


def _journal_problems(demand: Demand) -> Iterator[str]:
    if not demand.journals:
        return
    from atb_db.journal import read_status

    for path in demand.journals:
        try:
            found = read_status(path)
        except (JournalUnusable, AtbDbError) as error:
            yield error.message
            continue
        if found.set_aside:
            yield f"{counted(found.set_aside, 'command')} of {path.name} set aside: atb-db journal inspect {path}"
        if found.oldest_waiting is not None:
            waits = datetime.now(UTC) - found.oldest_waiting
            if waits > demand.max_silence:
                yield f"{counted(found.waiting, 'command')} of {path.name} not applied for {shown_duration(waits)}"


def _facts(sessions: Sequence[SessionSign], protection: Protection) -> Iterator[str]:
    engines = [one for one in sessions if not one.awaits_engine]
    if engines:
        longest = max(one.silent_seconds for one in engines)
        yield f"{counted(len(engines), 'active session')}, silent for at most {_ago(longest)}"
    else:
        yield "no active LIVE or PAPER session"
    if len(engines) < len(sessions):
        yield f"{counted(len(sessions) - len(engines), 'imported session')} without an engine"
    if protection.is_archived:
        yield "archived continuously"
    age = protection.seconds
    yield "no backup on record" if age is None else f"last backup {_ago(age)} ago"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _ago(seconds: float) -> str:
    return shown_duration(timedelta(seconds=max(0.0, seconds)))
