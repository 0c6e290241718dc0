"""Whether a database is what this version of atb_db needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, cast

import psycopg
from psycopg import sql

from atb_db.admin.access.privileges import RUNTIME
from atb_db.admin.access.raised import group_changes, membership_changes, raised_findings
from atb_db.admin.access.roles import grant_changes, groups_used, strange_owners
from atb_db.admin.audit import Audit, read_audit
from atb_db.admin.connection import Connection, ask, changing, reading
from atb_db.admin.findings import Finding, Level
from atb_db.admin.migrations import Release, State, Status, read_status
from atb_db.admin.schema.catalog import Catalog, differences, expected_catalog, read_catalog
from atb_db.admin.schema.drift import drift_findings
from atb_db.admin.schema.enums import enum_findings
from atb_db.admin.schema.guarantees import guarantee_findings
from atb_db.admin.schema.server import read_surroundings, surroundings_findings
from atb_db.config import Settings
from atb_db.database.connecting import NO_TIMEOUT, ServerInfo
from atb_db.database.translation import translated
from atb_db.errors import PermissionDenied

BOOKS_SECONDS: Final = 0.3
NOT_COMPARED: Final = (
    "owners",
    "grants on objects that are not atb_db's",
    "the order of columns",
    "tablespaces and storage settings of columns",
    "sequences' start and increment",
    "statistics objects",
    "what the server's configuration file says",
)
_RELEASE: Final = "fix the schema first; if that is as it should be, reinstall atb-db"
_NO_SCHEMA: Final = Finding("schema", "public", "missing", "the tables of atb-db", None, Level.ERROR, "atb-db migrate")
_MIGRATION_LEVELS: Final = {
    State.INTERRUPTED: Level.WARNING,
    State.UNCHECKED: Level.WARNING,
    State.RUNNING: Level.INFO,
    State.PENDING: Level.ERROR,
}


class TableRows(NamedTuple):
    """Size of one table."""

    table: str
    rows: int
    """Exact, or an estimate by the server's statistics."""


class Books(NamedTuple):
    """How much of the books was audited."""

    sessions: int
    audited: int


class Verification(NamedTuple):
    """A database compared with sql/schema, sql/migrations and the code; `NOT_COMPARED` says with what not."""

    server: ServerInfo
    findings: tuple[Finding, ...]
    rows: tuple[TableRows, ...]
    """Of the tables that should be there and are."""
    exact: bool
    """Whether `rows` are exact."""
    statements: int | None
    """How many statements were described; None if that was not asked for."""
    books: Books | None
    """None where the schema is too different for an audit, or the role may not read all of it."""

    @property
    def clean(self) -> bool:
        """Whether nothing needs to be fixed."""
        return all(finding.level is Level.INFO for finding in self.findings)

    @property
    def repairable(self) -> tuple[Finding, ...]:
        """What `repair_safe` can fix."""
        return tuple(finding for finding in self.findings if finding.safe)


class Repaired(NamedTuple):
    """What became of one repair."""

    finding: Finding
    failure: str | None
    """None if it was done."""


def verify(
    settings: Settings,
    *,
    exact_counts: bool = False,
    statements: bool = False,
    books_seconds: float | None = BOOKS_SECONDS,
) -> Verification:
    """Compare the database with what it should be, in one read-only transaction.

    Any role that may read will do. With `exact_counts` rows are counted, however long it takes; with `statements` the
    server describes every statement, and that is compared with its signature. No audit of a session's books is begun
    after `books_seconds`; None audits all.

    Raises:
        Unavailable: the server cannot be reached.
        ConfigurationError: the server is too old, or the database is not encoded in UTF-8.
    """
    with reading(settings) as (connection, server):
        return inspect(
            connection, server, exact_counts=exact_counts, statements=statements, books_seconds=books_seconds
        )


def inspect(
    connection: Connection,
    server: ServerInfo,
    *,
    exact_counts: bool = False,
    statements: bool = False,
    books_seconds: float | None = BOOKS_SECONDS,
    release: Release | None = None,
) -> Verification:
    """`verify` on a connection that there is, in the transaction that is under way; names must be those of `public`."""
    surroundings = read_surroundings(connection)
    # A pooler may have swallowed it, and definitions contain moments.
    connection.execute("SET LOCAL TimeZone = 'UTC'")
    expected, actual = expected_catalog(), read_catalog(connection)
    present = {entry.name for entry in expected if entry.kind == "table"} & _tables(actual)
    status = read_status(connection, server, release=release, catalog=actual)
    if present or status.applied:
        findings = [*drift_findings(differences(expected, actual), expected)]
        drifted = {(one.what, one.where) for one in findings}
        as_expected = not any(one.level is Level.ERROR for one in findings)
        findings += _migrations(status, as_expected=as_expected)
        findings += (one for one in enum_findings(actual) if ("enum", one.where) not in drifted)
    else:
        findings, as_expected, statements = [_NO_SCHEMA], False, False
    findings += surroundings_findings(connection, server, surroundings)
    findings += guarantee_findings(connection)
    findings += _grants(connection)
    described = _describe(connection) if statements else None
    findings += described.findings if described else ()
    audited, hidden = _audited(connection, server, books_seconds) if as_expected else (None, ())
    findings += _books(audited) if audited else hidden
    rows, uncounted = _counts(connection, present) if exact_counts else (_estimates(connection, present), ())
    findings += uncounted
    return Verification(
        server=server,
        findings=tuple(findings),
        rows=rows,
        exact=exact_counts,
        statements=described and described.statements,
        books=audited and Books(audited.sessions, audited.audited),
    )


def repair_safe(settings: Settings, findings: Sequence[Finding]) -> tuple[Repaired, ...]:
    """Apply the repairs of safe findings one by one; one that fails leaves its object as it was.

    Raises:
        Unavailable: the server cannot be reached.
    """
    with changing(settings) as (connection, _):
        return tuple(Repaired(one, _attempt(connection, one)) for one in findings if one.safe)


def _attempt(connection: Connection, finding: Finding) -> str | None:
    try:
        connection.execute((finding.repair or "").encode())
    except psycopg.Error as error:
        return error.diag.message_primary or type(error).__name__
    return None


def _migrations(status: Status, *, as_expected: bool) -> Iterator[Finding]:
    from_schema = as_expected and not status.applied
    for one in status.migrations:
        if one.state is State.APPLIED or (from_schema and one.state is State.UNMARKED):
            continue
        level = _MIGRATION_LEVELS.get(one.state, Level.ERROR)
        yield Finding("migration", one.id, str(one.state), "applied", str(one.state), level, one.repair)


def _grants(connection: Connection) -> Iterator[Finding]:
    if not groups_used(connection):
        yield Finding(
            "grant", "atb_owner, atb_runtime, atb_reader", "not set up", None, None, Level.INFO, "atb-db roles"
        )
        return
    changes = (
        *group_changes(connection),
        *membership_changes(connection),
        *strange_owners(connection),
        *grant_changes(connection),
    )
    for change in changes:
        problem = "missing" if change.actual is None else "unexpected"
        safe = change.what == "grant"
        yield Finding(*change[:2], problem, *change[2:4], Level.ERROR, change.sql, safe=safe)
    yield from raised_findings(connection)


class _Described(NamedTuple):
    statements: int
    findings: tuple[Finding, ...]


def _describe(connection: Connection) -> _Described:
    from atb_db.admin.schema.statements import describe
    from atb_db.repository import statements

    findings: list[Finding] = []
    refused: list[str] = []
    declared = statements()
    for declaration in declared:
        try:
            mismatches = describe(connection, declaration)
        except psycopg.errors.InsufficientPrivilege:
            refused.append(declaration.name)
            continue
        findings += (
            Finding("statement", one.statement, "different", one.subject, one.problem, Level.ERROR, _RELEASE)
            for one in mismatches
        )
    if refused:
        where = f"{len(refused)} that write"
        repair = f"atb-db verify --statements as a member of {RUNTIME}"
        findings.append(Finding("statement", where, "not described", None, "permission denied", Level.INFO, repair))
    return _Described(len(declared) - len(refused), tuple(findings))


def _audited(
    connection: Connection, server: ServerInfo, seconds: float | None
) -> tuple[Audit | None, tuple[Finding, ...]]:
    """The audit, or what the role may not read for it: a table of another owner must not hide all other findings."""
    try:
        with connection.transaction():
            return read_audit([connection], server, seconds=seconds), ()
    except PermissionDenied as error:
        return None, (_hidden("books", "not audited", error.message),)


def _hidden(what: str, problem: str, reason: str) -> Finding:
    return Finding(what, "public", problem, "a role that may read every table", reason, Level.WARNING, "atb-db roles")


def _books(audited: Audit) -> Iterator[Finding]:
    for session_id, found in audited.findings:
        where = found.subject if session_id is None else f"session {session_id}: {found.subject}"
        repair = "atb-db audit" if session_id is None else f"atb-db audit --session {session_id}"
        if found.identity == "metrics":
            repair = f"run metrics.rebuild_performance_metrics(session_id={session_id})"
        yield Finding("books", where, found.identity, found.expected, found.actual, Level.ERROR, repair)


def _tables(catalog: Catalog) -> set[str]:
    return {entry.name for entry in catalog if entry.kind == "table"}


def _estimates(connection: Connection, tables: set[str]) -> tuple[TableRows, ...]:
    return tuple(row for row in ask(connection, "row_estimates", TableRows) if row.table in tables)


def _counts(connection: Connection, tables: set[str]) -> tuple[tuple[TableRows, ...], tuple[Finding, ...]]:
    """The rows of the tables that the role may read, and that there are others."""
    counted = list[TableRows]()
    refused = list[str]()
    with translated():
        connection.execute(NO_TIMEOUT)
        for table in sorted(tables):
            try:
                with connection.transaction():
                    counted.append(_count(connection, table))
            except psycopg.errors.InsufficientPrivilege:
                refused.append(table)
    hidden = [_hidden("rows", "not counted", f"permission denied for {', '.join(refused)}")] if refused else []
    return tuple(counted), tuple(hidden)


def _count(connection: Connection, table: str) -> TableRows:
    query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("public", table))
    return TableRows(table, cast("int", connection.execute(query).fetchall()[0][0]))
