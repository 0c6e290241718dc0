"""The audit: every session's books, and what holds between sessions."""

from __future__ import annotations

import time
from typing import Final, NamedTuple

from atb_db.admin.connection import Connection, perform, reading
from atb_db.config import Settings
from atb_db.database.connecting import NO_TIMEOUT, ServerInfo
from atb_db.repository.audit import BookFinding, audit_across_sessions, audit_orphans, audit_session, get_session_ids

# How many groups there are is estimated far too low: they would not fit. Compiling takes longer than it saves.
PLANS: Final = (
    "SET LOCAL jit TO off; SET LOCAL enable_hashagg TO off; SET LOCAL work_mem TO '64MB';"
    " SET LOCAL plan_cache_mode TO force_custom_plan"
)


class SessionFinding(NamedTuple):
    """A contradiction in one session's books, or between sessions."""

    session_id: int | None
    """None for what lies between sessions."""
    finding: BookFinding


class Audit(NamedTuple):
    """What the books of a database say of each other."""

    server: ServerInfo
    sessions: int
    """Number of sessions."""
    audited: int
    """Number of those whose books were audited."""
    findings: tuple[SessionFinding, ...]


def audit(settings: Settings, *, session_id: int | None = None) -> Audit:
    """Audit all sessions and what holds between them, or one session; reads only, as of one moment.

    Raises:
        NotFound: there is no such session.
        SchemaMismatch: the schema is not this version's.
        Unavailable: the server cannot be reached.
    """
    with reading(settings) as (connection, server):
        connection.execute(NO_TIMEOUT)
        connection.execute(PLANS)
        if session_id is not None:
            return Audit(server, 1, 1, session_findings(connection, session_id))
        return read_audit(connection, server)


def read_audit(connection: Connection, server: ServerInfo, *, seconds: float | None = None) -> Audit:
    """`audit` on a connection that there is; the newest sessions first, and none begun after so many seconds."""
    start = time.monotonic()
    connection.execute(PLANS)
    ids = perform(connection, get_session_ids())
    findings: list[SessionFinding] = []
    audited = 0
    for session_id in ids:
        if seconds is not None and time.monotonic() - start > seconds:
            return Audit(server, len(ids), audited, tuple(findings))
        findings += session_findings(connection, session_id)
        audited += 1
    for between in (audit_across_sessions(), audit_orphans()):
        findings += (SessionFinding(None, finding) for finding in perform(connection, between))
    return Audit(server, len(ids), audited, tuple(findings))


def session_findings(connection: Connection, session_id: int) -> tuple[SessionFinding, ...]:
    """What contradicts itself in one session's books, on an open connection."""
    batch = audit_session(session_id=session_id)
    audited = batch.assemble([perform(connection, statement) for statement in batch.statements])
    return tuple(SessionFinding(session_id, finding) for finding in audited.findings)
