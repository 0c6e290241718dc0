"""Collations whose library has changed under the indexes: detecting it, also where the server hides it, and fixing it.

The order of texts is the operating system's or ICU's, and a new version may have another one: an index that was built
under the old one then misses rows, and a unique one lets duplicates in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple, cast

import psycopg
from psycopg import sql

from atb_db.admin.connection import Connection, ask, changing, perform, writing
from atb_db.admin.destroy.deployment import read_deployment
from atb_db.admin.errors import LockHeld
from atb_db.admin.locks import COLLATIONS, try_lock
from atb_db.admin.progress import Progress
from atb_db.admin.quoting import quoted
from atb_db.admin.readable import counted
from atb_db.config import Settings
from atb_db.database.connecting import ServerInfo
from atb_db.errors import AtbDbError
from atb_db.repository import deployment

DEFAULT: Final = "default"
"""The name under which PostgreSQL knows the database's own collation."""
_RECORDS_VERSIONS: Final = 150000
_CHECK: Final = "SELECT bt_index_check(%s::regclass, TRUE)"


class Collation(NamedTuple):
    """A collation, and the versions that are known of it; None where there is none, as of C."""

    name: str
    """`default` is the database's own."""
    recorded: str | None
    """With which it was made, or for which somebody vouched with REFRESH."""
    actual: str | None
    """Of the library in use."""
    seen: str | None = None
    """Under which the indexes were last known to be in order, as the table deployment remembers."""

    @property
    def changed(self) -> bool:
        """Whether its library is another one than that of the indexes."""
        return any(version not in {None, self.actual} for version in (self.recorded, self.seen))


class TextIndex(NamedTuple):
    """An index whose order depends on the version of a collation."""

    oid: int
    schema: str
    name: str
    table: str
    bytes: int
    is_btree: bool
    is_valid: bool
    is_exclusion: bool
    collations: list[str]

    @property
    def full_name(self) -> str:
        """Name and schema, quoted."""
        return quoted(self.schema, self.name)


class Reason(NamedTuple):
    """Why an index is to be rebuilt."""

    text_index: TextIndex
    reason: str


class CollationCheck(NamedTuple):
    """The collations of a database, and the indexes that depend on them."""

    server: ServerInfo
    collations: tuple[Collation, ...]
    indexes: tuple[TextIndex, ...]
    due: tuple[Reason, ...]
    """Those to be rebuilt."""
    leftovers: tuple[str, ...]
    """Half-built indexes that an interrupted REINDEX has left."""
    amcheck: str
    """How many indexes amcheck has read, or why it has read none."""
    notes: tuple[str, ...] = ()

    @property
    def changed(self) -> tuple[Collation, ...]:
        """The collations whose library is another one."""
        return tuple(collation for collation in self.collations if collation.changed)

    @property
    def clean(self) -> bool:
        """Whether nothing needs to be fixed."""
        return not (self.due or self.leftovers or self.changed)


class CollationFix(NamedTuple):
    """The result."""

    server: ServerInfo
    rebuilt: tuple[str, ...]
    removed: tuple[str, ...]
    """Half-built indexes."""
    refreshed: tuple[str, ...]
    """Collations whose version is recorded again."""
    undone: tuple[tuple[str, str], ...]
    """What could not be done, and why."""
    notes: tuple[str, ...] = ()


def check_collation(settings: Settings, *, quick: bool = False, progress: Progress | None = None) -> CollationCheck:
    """Compare the versions of the collations, and unless `quick` have amcheck read the indexes, where there is amcheck.

    Nothing is written but the version in use, where no version was remembered yet and nothing speaks against it.

    Raises:
        Unavailable: the server cannot be reached.
    """
    with changing(settings) as (connection, server):
        found = _check(connection, server, quick=quick, progress=progress)
    own = next(one for one in found.collations if one.name == DEFAULT)
    if found.clean and own.actual is not None and own.seen is None:
        found = found._replace(notes=_remember(settings, own.actual))
    return found


def fix_collation(settings: Settings, *, everything: bool = False, progress: Progress | None = None) -> CollationFix:
    """Rebuild the indexes that are due, or `everything` that depends on a collation, then record the versions in use.

    Each index is rebuilt beside the old one, which goes on to be used. Interrupted, it is begun again by the next run.

    Raises:
        LockHeld: another one is at work.
        Unavailable: the server cannot be reached.
    """
    undone: list[tuple[str, str]] = []
    rebuilt: list[str] = []
    refreshed: list[str] = []
    with changing(settings) as (connection, server), _locked(connection):
        # Waiting for transactions that are under way hinders nobody here.
        connection.execute("SET lock_timeout = 0")
        removed = _remove_leftovers(connection, undone)
        found = _check(connection, server, quick=everything, progress=progress, skip_due=True)
        due = found.indexes if everything else tuple(index for index, _ in found.due)
        for number, index in enumerate(due):
            if progress is not None:
                progress(f"Rebuilding {index.full_name}", number, len(due))
            # An exclusion constraint's index cannot be built beside the old one.
            how = "REINDEX INDEX {}" if index.is_exclusion else "REINDEX INDEX CONCURRENTLY {}"
            name = sql.Identifier(index.schema, index.name)
            if _done(connection, sql.SQL(how).format(name), f"rebuild {index.full_name}", undone):
                rebuilt.append(index.full_name)
        if undone:
            removed += _remove_leftovers(connection, undone)
        else:
            refreshed += [
                one.name
                for one in found.collations
                if one.recorded not in {None, one.actual}
                and _done(connection, _refresh(server, one), f"refresh {one.name}", undone)
            ]
    notes: tuple[str, ...] = ()
    own = next(one for one in found.collations if one.name == DEFAULT)
    if not undone and own.actual is not None and (own.seen != own.actual or due):
        notes = _remember(settings, own.actual)
    return CollationFix(server, tuple(rebuilt), tuple(removed), tuple(refreshed), tuple(undone), notes)


def _check(
    connection: Connection, server: ServerInfo, *, quick: bool, progress: Progress | None, skip_due: bool = False
) -> CollationCheck:
    collations = tuple(read_collations(connection))
    versioned = {one.name for one in collations if one.actual is not None or one.recorded is not None}
    indexes = [one for one in ask(connection, "text_indexes", TextIndex) if versioned & set(one.collations)]
    changed = {one.name for one in collations if one.changed}
    due: dict[int, Reason] = {}
    for index in indexes:
        if not index.is_valid:
            due[index.oid] = Reason(index, "it is not valid: building it was interrupted")
        elif behind := sorted(changed & set(index.collations)):
            due[index.oid] = Reason(index, f"built under another version of the collation {', '.join(behind)}")
    amcheck = "not asked for"
    if not quick:
        to_read = [one for one in indexes if one.is_btree and one.is_valid and not (skip_due and one.oid in due)]
        amcheck, broken = _amcheck(connection, to_read, progress)
        due |= {one.text_index.oid: one for one in broken}
    return CollationCheck(
        server=server,
        collations=collations,
        indexes=tuple(indexes),
        due=tuple(due[index.oid] for index in indexes if index.oid in due),
        leftovers=tuple(quoted(*name) for name in _leftovers(connection)),
        amcheck=amcheck,
    )


def read_collations(connection: Connection) -> Iterator[Collation]:
    """The database's own collation, then those that its indexes name."""
    name = "collation" if connection.info.server_version >= _RECORDS_VERSIONS else "collation_before_15"
    recorded, actual = cast("tuple[str | None, str | None]", ask(connection, name)[0])
    known = read_deployment(connection)
    yield Collation(DEFAULT, recorded, actual, known.collation_version if known else None)
    for schema, own, *versions in ask(connection, "collation_versions"):
        recorded, actual = cast("list[str | None]", versions)
        yield Collation(f"{schema}.{own}", recorded, actual)


def _amcheck(
    connection: Connection, indexes: Sequence[TextIndex], progress: Progress | None
) -> tuple[str, list[Reason]]:
    """Have amcheck read the indexes; the extension is there for this transaction only, unless it was before."""
    broken: list[Reason] = []
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("CREATE EXTENSION IF NOT EXISTS amcheck")
            for number, index in enumerate(indexes):
                if progress is not None:
                    progress(f"Reading {index.full_name}", number, len(indexes))
                try:
                    with connection.transaction():
                        connection.execute(_CHECK, [index.oid])
                except psycopg.InternalError as error:
                    broken.append(Reason(index, f"amcheck: {error.diag.message_primary}"))
    except (psycopg.ProgrammingError, psycopg.NotSupportedError, psycopg.errors.ReadOnlySqlTransaction) as error:
        return f"not available: {error.diag.message_primary}", broken
    return f"{counted(len(indexes), 'index')} read", broken


@contextmanager
def _locked(connection: Connection) -> Iterator[None]:
    if not try_lock(connection, COLLATIONS):
        raise LockHeld("another fix-collation is at work on this database")
    # The lock ends with the connection.
    yield


def _remove_leftovers(connection: Connection, undone: list[tuple[str, str]]) -> list[str]:
    removed: list[str] = []
    for name in _leftovers(connection):
        # Waits for a REINDEX that is under way, which then leaves nothing to drop.
        drop = sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(*name))
        if _done(connection, drop, f"remove {quoted(*name)}", undone):
            removed.append(quoted(*name))
    return removed


def _leftovers(connection: Connection) -> list[tuple[str, str]]:
    return cast("list[tuple[str, str]]", ask(connection, "half_rebuilt_indexes"))


def _refresh(server: ServerInfo, collation: Collation) -> sql.Composed:
    if collation.name == DEFAULT:
        return sql.SQL("ALTER DATABASE {} REFRESH COLLATION VERSION").format(sql.Identifier(server.database))
    name = sql.Identifier(*collation.name.split(".", 1))
    return sql.SQL("ALTER COLLATION {} REFRESH VERSION").format(name)


def _done(connection: Connection, statement: sql.Composed, what: str, undone: list[tuple[str, str]]) -> bool:
    """Whether it could be done; a lost connection ends everything."""
    try:
        connection.execute(statement)
    except psycopg.Error as error:
        if connection.closed:
            raise
        undone.append((what, error.diag.message_detail or error.diag.message_primary or str(error)))
        return False
    return True


def _remember(settings: Settings, version: str) -> tuple[str, ...]:
    """Remember the version; why that could not be done, in one sentence."""
    try:
        with writing(settings) as (connection, _):
            perform(connection, deployment.record_collation_version(collation_version=version))
    except AtbDbError as error:
        return (f"The version {version} could not be remembered: {error.message}",)
    return ()
