"""Migrations: which there are, which a database has, and applying the rest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from psycopg.rows import class_row

from atb_db.admin.catalog import Catalog, differences, expected_catalog, read_catalog
from atb_db.admin.connection import Connection, reading
from atb_db.admin.errors import Refused
from atb_db.config import Settings
from atb_db.database.faults import translated
from atb_db.database.session import ServerInfo, accept
from atb_db.errors import AtbDbError
from atb_db.sqlfile import sql_root

if TYPE_CHECKING:
    from yoyo.migrations import Migration

    from atb_db.admin.yoyo_backend import Backend

_NAMED_DIFFERENCES: Final = 3


class Applied(NamedTuple):
    """A migration that the database has recorded."""

    id: str
    """Name of its file without the ending, such as 0001-initial."""
    applied_at: datetime


class Status(NamedTuple):
    """The migrations of a database."""

    server: ServerInfo
    applied: tuple[Applied, ...]
    """In the order in which they were applied."""
    pending: tuple[str, ...]
    """Ids of those that were not, in the order in which they will be."""
    unknown: tuple[str, ...]
    """Ids of applied ones that this version of atb_db does not have."""


class Migrated(NamedTuple):
    """What `migrate` did."""

    applied: tuple[str, ...]
    adopted: tuple[str, ...]
    """Recorded without being run, because the database already had the whole schema."""


def migrations_folder() -> Path:
    """The folder of the migrations' files."""
    return sql_root() / "migrations"


def known_migrations() -> list[str]:
    """Ids of the migrations of this version of atb_db, in order."""
    return sorted(path.stem for path in migrations_folder().glob("*.sql") if not path.stem.endswith(".rollback"))


def status(settings: Settings) -> Status:
    """Which migrations the database has; reads only.

    Raises:
        Unavailable: the server cannot be reached.
    """
    with reading(settings) as (connection, server):
        return read_status(connection, server)


def read_status(connection: Connection, server: ServerInfo) -> Status:
    """`status` on a connection that there is."""
    applied = _recorded(connection)
    done = {migration.id for migration in applied}
    known = known_migrations()
    return Status(
        server,
        applied,
        pending=tuple(name for name in known if name not in done),
        unknown=tuple(migration.id for migration in applied if migration.id not in known),
    )


def pending(settings: Settings) -> tuple[str, ...]:
    """Ids of the migrations that `migrate` would apply; reads only."""
    return status(settings).pending


def migrate(settings: Settings, *, wait: float = 60.0) -> Migrated:
    """Apply the migrations that the database has not got, each in a transaction of its own.

    Of several at once, one works and the others wait for it, for `wait` seconds at the most. A database that was
    made from sql/schema has its migrations recorded only.

    Raises:
        LockHeld: another one did not finish in time.
        Refused: the database has tables of these names, without a record of migrations and unlike sql/schema.
        Unavailable: the server cannot be reached.
        AtbDbError: a migration failed and was rolled back; those before it stay. `statement` is its id.
    """
    import yoyo

    from atb_db.admin.yoyo_backend import Backend

    with translated(), Backend.connect_to(settings) as backend, backend.lock(wait):
        accept(backend.connection)
        backend.ensure_internal_schema_updated()
        migrations = backend.to_apply(yoyo.read_migrations(str(migrations_folder())))
        ids = tuple(migration.id for migration in migrations)
        if not backend.get_applied_migration_hashes() and _has_whole_schema(backend.connection):
            backend.mark_migrations(migrations)
            return Migrated((), adopted=ids)
        for migration in migrations:
            _apply(backend, migration)
        return Migrated(ids, adopted=())


def _recorded(connection: Connection) -> tuple[Applied, ...]:
    row = connection.execute("SELECT to_regclass('public._yoyo_migration') IS NOT NULL").fetchone()
    if row != (True,):
        return ()
    query = (sql_root() / "catalog" / "applied_migrations.sql").read_bytes()
    return tuple(connection.cursor(row_factory=class_row(Applied)).execute(query))


def _has_whole_schema(connection: Connection) -> bool:
    expected, actual = expected_catalog(), read_catalog(connection)
    if not _tables(expected) & _tables(actual):
        return False
    if different := differences(expected, actual):
        named = [f"{difference.what} {difference.where}" for difference in different[:_NAMED_DIFFERENCES]]
        raise Refused(
            "the database has tables of atb_db but no record of migrations, and is not what sql/schema says: "
            f"{_listed(named, len(different))} (`atb-db verify` lists every difference)"
        )
    return True


def _tables(catalog: Catalog) -> set[str]:
    return {entry.name for entry in catalog if entry.kind == "table"}


def _listed(named: Sequence[str], count: int) -> str:
    more = f" and {count - len(named)} more" if count > len(named) else ""
    return ", ".join(named) + more


def _apply(backend: Backend, migration: Migration) -> None:
    try:
        with translated():
            migration.load()
            if not migration.use_transactions:
                backend.apply_one(migration)
                return
            # yoyo's own way records it in a second transaction: whoever dies in between can never migrate again.
            with backend.transaction():
                migration.process_steps(backend, "apply")
                backend.log_migration(migration, "apply")
                backend.mark_one(migration, log=False)
    except AtbDbError as error:
        error.statement = f"migration {migration.id}"
        raise
