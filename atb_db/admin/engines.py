"""Problems of engines and of what they depend on: silent sessions, active flags, a lost replica."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from atb_db.admin.connection import Connection, as_login, ask, changing, perform
from atb_db.admin.encryption import encryption_findings, read_encryption
from atb_db.admin.findings import Finding, Level
from atb_db.admin.readable import counted, shown_duration
from atb_db.admin.vital_signs import VitalSigns
from atb_db.config import Settings
from atb_db.errors import ConfigurationError, SchemaMismatch, Unavailable
from atb_db.repository import control, sessions

SILENCE: Final = timedelta(days=1)
"""Without a sign of life for longer, an engine is taken for dead; as `atb-db end-crashed` does."""
_NAMED: Final = 5


def engine_findings(connection: Connection, now: datetime) -> Iterator[Finding]:
    """Active sessions whose engine is dead, and active flags, or that they are unknown; nothing where no schema is."""
    if connection.execute("SELECT to_regclass('public.trading_sessions') IS NULL").fetchone() == (True,):
        return
    silent: list[sessions.SilentSession] = []
    flags: list[control.ControlFlag] = []
    try:
        with connection.transaction():
            found = perform(connection, sessions.get_silent_sessions(silent_since=now - SILENCE))
            silent = [one for one in found if not one.awaits_engine]
    except SchemaMismatch as error:
        yield _unknown("engine", "silent sessions", error)
    try:
        with connection.transaction():
            flags = perform(connection, control.get_active_control_flags())
    except SchemaMismatch as error:
        yield _unknown("control flag", "active flags", error)
    due = f"a sign of life in {shown_duration(SILENCE)}"
    for one in silent[:_NAMED]:
        where, last = f"session {one.session_id} ({one.session_name})", shown_duration(now - one.last_sign_of_life)
        yield Finding("engine", where, "silent", due, f"none for {last}", Level.WARNING, "atb-db end-crashed")
    if len(silent) > _NAMED:
        where = counted(len(silent) - _NAMED, "more session")
        yield Finding("engine", where, "silent", due, "none", Level.WARNING, "atb-db end-crashed")
    for flag in flags:
        actual = f"{flag.reason}, by {flag.source}, for {shown_duration(now - flag.updated_at)}"
        yield Finding("control flag", flag.name, "active", None, actual, Level.WARNING, None)


def _unknown(what: str, where: str, error: SchemaMismatch) -> Finding:
    return Finding(what, where, "unknown", None, error.message, Level.WARNING, "atb-db verify")


def replica_findings(settings: Settings) -> Iterator[Finding]:
    """Whether the replica that the settings name is there, is one, and is fresh enough to be read."""
    if settings.replica_conninfo is None:
        return
    try:
        with changing(settings._replace(conninfo=settings.replica_conninfo)) as (connection, _):
            with as_login(connection):
                (signs,) = ask(connection, "vital_signs", VitalSigns)
            encryption = read_encryption(connection)
    except (Unavailable, ConfigurationError) as error:
        yield _replica("lost", "reachable", error.message)
        return
    yield from encryption_findings(encryption, "replica's encryption")
    if not signs.is_standby:
        yield _replica("no standby", "a standby", "takes writes of its own")
    elif signs.standby_seconds is not None and signs.standby_seconds > settings.replica_lag:
        behind, most = (
            shown_duration(timedelta(seconds=each)) for each in (signs.standby_seconds, settings.replica_lag)
        )
        yield _replica("behind", f"at most {most}", behind)


def _replica(problem: str, expected: str, actual: str) -> Finding:
    return Finding("replica", "DATABASE_REPLICA_URL", problem, expected, actual, Level.WARNING, None)
