"""Dropping everything and making the schema again, or only emptying the tables; each in one transaction."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple, cast

import psycopg
from psycopg import sql

from atb_db.admin.access.grants import grant_again, read_grants
from atb_db.admin.access.privileges import is_bookkeeping
from atb_db.admin.access.roles import Members, groups_used, set_roles, settle_roles
from atb_db.admin.backup.dump import backup
from atb_db.admin.connection import CATALOG_SETTINGS, Connection, perform, reading, writing
from atb_db.admin.destroy.deployment import read_deployment
from atb_db.admin.destroy.guards import Request, Target, guard, read_target
from atb_db.admin.destroy.objects import Droppable, Objects, droppable_objects, read_objects
from atb_db.admin.errors import LockHeld, Refused
from atb_db.admin.findings import Level
from atb_db.admin.locks import MIGRATIONS, try_lock
from atb_db.admin.migrations import migrate
from atb_db.admin.readable import counted
from atb_db.admin.schema.verify import verify
from atb_db.config import Settings
from atb_db.errors import AtbDbError
from atb_db.repository import deployment, events
from atb_db.repository.deployment import Deployment
from atb_db.sqlfile import schema_sql
from atb_db.statement import Statement
from atb_db.types import EventType, Severity

KEPT: Final = frozenset({"deployment", "system_control_flags"})
"""Tables that `reset` does not empty: what the database is, and the switches, active or not."""

_NAMED: Final = 5
_ON_TABLE: Final = re.compile(r" ON TABLE public\.(\w+) TO ")


class Nuked(NamedTuple):
    """What `nuke` did."""

    target: Target
    dropped: tuple[str, ...]
    """Kind and name of each object."""
    kept: tuple[str, ...]
    """Objects of others, which are as they were."""
    granted: int
    """Grants that were made again."""
    notes: tuple[str, ...]
    """Grants that could not be, one sentence each."""
    backed_up: Path | None


class Emptied(NamedTuple):
    """What `reset` did."""

    target: Target
    tables: tuple[str, ...]
    rows: int
    """That were removed."""
    backed_up: Path | None


class Contents(NamedTuple):
    """What `nuke` would meet."""

    target: Target
    objects: Objects


def survey(settings: Settings) -> Contents:
    """What `nuke` would meet; reads only.

    Raises:
        Unavailable: the server cannot be reached.
    """
    with reading(settings) as (connection, _):
        return Contents(read_target(connection), read_objects(connection))


def nuke(settings: Settings, request: Request, *, backup_folder: Path | None, everything: bool = False) -> Nuked:
    """Drop all objects of atb_db and make the schema again, in one transaction; then record its migrations and verify.

    The schema public itself is not touched: owner, grants and comment stay. Grants on our objects are made again, and
    what the database is used for is still known. Objects of others stay, unless `everything`. Without a
    `backup_folder` there is no backup first.

    Raises:
        Refused: the guard refuses, or objects of others would go too and not `everything`; nothing has changed.
        LockHeld: a migration is under way.
        Timeout: somebody holds a lock on a table.
        PermissionDenied: an object belongs to somebody else.
        AtbDbError: the new schema is not as it should be.
    """
    backed_up = _back_up(settings, request, backup_folder, everything=everything)
    with writing(settings) as (connection, _):
        target = _begin(connection, request)
        objects, marker, groups = read_objects(connection), read_deployment(connection), groups_used(connection)
        others = objects.foreign if everything else ()
        doomed = [*objects.ours, *others]
        grants = read_grants(connection)
        _drop(connection, objects.ours)
        # What is still granted is granted on objects of others.
        still = set(read_grants(connection))
        grants = [statement for statement in grants if statement not in still]
        later = [statement for statement in grants if _is_of_records(statement)]
        _drop(connection, others)
        _refuse_losses(connection, () if everything else objects.foreign)
        owner = next((one.owner for one in objects.ours if one.name == "trading_sessions"), target.user)
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(owner)))
        connection.execute(schema_sql().encode())
        connection.execute("RESET ROLE")
        notes = [
            note for statement in grants if statement not in later and (note := grant_again(connection, statement))
        ]
        if groups:
            settle_roles(connection, Members())
        _mark(connection, marker)
        perform(
            connection,
            _told(f"Dropped {counted(len(doomed), 'object')} and made the schema again.", target, map(str, doomed)),
        )
    migrate(settings)
    notes += _give_records(settings, owner, later)
    if groups:
        set_roles(settings, Members())
    # Settings of the server were not made here.
    if any(one.level is not Level.INFO and one.what != "setting" for one in verify(settings).findings):
        raise AtbDbError("the schema was made again and is not as it should be: atb-db verify lists what differs")
    kept = () if everything else objects.foreign
    return Nuked(
        target,
        tuple(map(str, doomed)),
        tuple(map(str, kept)),
        len(grants) - len(notes),
        tuple(notes),
        backed_up,
    )


def reset(settings: Settings, request: Request, *, backup_folder: Path | None) -> Emptied:
    """Empty every table of atb_db but `KEPT` and the records of migrations, in one transaction, and say so in an event.

    No rights are needed beyond those of the tables' owner. Ids begin at 1 again. Without a `backup_folder` there is no
    backup first.

    Raises:
        Refused: the guard refuses, or a table of somebody else refers to one of these; nothing has changed.
        LockHeld: a migration is under way.
        Timeout: somebody holds a lock on a table.
    """
    backed_up = _back_up(settings, request, backup_folder)
    with writing(settings) as (connection, _):
        target = _begin(connection, request)
        tables = [
            one.name
            for one in read_objects(connection).ours
            if one.kind == "table" and one.name not in KEPT and not is_bookkeeping(one.name)
        ]
        if not tables:
            raise Refused(f"the database {target.database} has no tables of atb_db: atb-db migrate makes them")
        names = sql.SQL(", ").join(sql.Identifier("public", name) for name in tables)
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(names))
        rows = _count(connection, tables)
        try:
            connection.execute(sql.SQL("TRUNCATE TABLE {} RESTART IDENTITY").format(names))
        except psycopg.errors.FeatureNotSupported as error:
            raise Refused(f"a table that is not atb_db's stands in the way: {error.diag.message_detail}") from None
        if left := _count(connection, tables):
            raise AtbDbError(f"{left} rows are still there")
        perform(
            connection, _told(f"Emptied {counted(len(tables), 'table')} of {counted(rows, 'row')}.", target, tables)
        )
    return Emptied(target, tuple(tables), rows, backed_up)


def _back_up(settings: Settings, request: Request, folder: Path | None, *, everything: bool = False) -> Path | None:
    with reading(settings) as (connection, _):
        guard(read_target(connection), request)
        has_books = connection.execute("SELECT to_regclass('public.trading_sessions') IS NOT NULL").fetchone()
    # A database without the books is nothing that a backup of ours could hold.
    if folder is None or has_books != (True,):
        return None
    try:
        return backup(settings, folder=folder, everything=everything).path
    except AtbDbError as error:
        error.message = f"the backup before it failed, so nothing was dropped: {error.message}"
        raise


def _begin(connection: Connection, request: Request) -> Target:
    connection.execute(CATALOG_SETTINGS)
    target = read_target(connection)
    guard(target, request)
    if not try_lock(connection, MIGRATIONS, until_commit=True):
        raise LockHeld("a migration is under way")
    return target


def _drop(connection: Connection, objects: Iterable[Droppable]) -> None:
    for one in objects:
        connection.execute(one.statement.encode())


def _refuse_losses(connection: Connection, foreign: Sequence[Droppable]) -> None:
    left = set(droppable_objects(connection))
    if lost := [str(one) for one in foreign if one not in left]:
        more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
        raise Refused(
            f"what depends on atb_db's objects and is not atb_db's would go too: {', '.join(lost[:_NAMED])}{more}; "
            "--all drops everything"
        )


def _is_of_records(grant: str) -> bool:
    found = _ON_TABLE.search(grant)
    return found is not None and is_bookkeeping(found[1])


def _give_records(settings: Settings, owner: str, grants: Sequence[str]) -> list[str]:
    """Give the records of migrations to the schema's owner, whichever role dropped everything, so that it can continue.

    Grants on them are made again, as they were made only now; the notes of those that could not be.
    """
    with writing(settings) as (connection, _):
        connection.execute(CATALOG_SETTINGS)
        for one in read_objects(connection).ours:
            if is_bookkeeping(one.name) and one.owner != owner:
                name = sql.Identifier("public", one.name)
                connection.execute(sql.SQL("ALTER TABLE {} OWNER TO {}").format(name, sql.Identifier(owner)))
        return [note for statement in grants if (note := grant_again(connection, statement))]


def _mark(connection: Connection, marker: Deployment | None) -> None:
    if marker is None:
        return
    if marker.environment is not None and marker.set_at is not None and marker.set_by is not None:
        perform(
            connection,
            deployment.set_environment(environment=marker.environment, set_by=marker.set_by, timestamp=marker.set_at),
        )
    if marker.collation_version is not None and marker.collation_seen_at is not None:
        perform(
            connection,
            deployment.record_collation_version(
                collation_version=marker.collation_version, timestamp=marker.collation_seen_at
            ),
        )


def _told(message: str, target: Target, subjects: Iterable[str]) -> Statement[int]:
    details = {"objects": list(subjects), "by": target.user, "environment": target.environment}
    return events.log_event(
        event_type=EventType.RESET, severity=Severity.WARNING, message=message, details=details, component="atb-db"
    )


def _count(connection: Connection, tables: Sequence[str]) -> int:
    counts = sql.SQL(" + ").join(
        sql.SQL("(SELECT count(*) FROM {})").format(sql.Identifier("public", name)) for name in tables
    )
    return cast("int", connection.execute(sql.SQL("SELECT {}").format(counts)).fetchall()[0][0])
