"""Bringing a database up to date."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

import psycopg

from atb_db.admin.connection import CATALOG_SETTINGS, reading
from atb_db.admin.errors import Refused
from atb_db.admin.migrations.code import Made, make_code, plan_code, record_of
from atb_db.admin.migrations.files import Migration, Release
from atb_db.admin.migrations.plans import plan_migrate
from atb_db.admin.migrations.progress import Event, Happened, Progress, silent
from atb_db.admin.migrations.reading import read_code_record, read_facts
from atb_db.admin.migrations.states import State, half_built, migration_states
from atb_db.admin.schema.catalog import read_catalog
from atb_db.config import Settings
from atb_db.database.translation import translation
from atb_db.errors import AtbDbError, NotFound

if TYPE_CHECKING:
    from atb_db.admin.migrations.engine import Engine

DEFAULT_WAIT: Final = 300.0
"""Seconds."""


class Migrated(NamedTuple):
    """What `migrate` did."""

    applied: tuple[str, ...]
    adopted: tuple[str, ...]
    """Recorded without being run, because the database already had the whole schema."""
    code: tuple[str, ...] = ()
    """The functions, views, triggers and comments that were made, changed or dropped afterwards."""
    notes: tuple[str, ...] = ()
    """Grants that could not be given again on what had to be dropped and made."""


def migrate(
    settings: Settings,
    *,
    to: str | None = None,
    wait: float = DEFAULT_WAIT,
    progress: Progress = silent,
    release: Release | None = None,
) -> Migrated:
    """Apply the migrations that the database has not got, up to `to`, each in a transaction of its own.

    Of several at once, one works and the others wait for it, for `wait` seconds at the most. A migration that would
    wait for a table in use is rolled back and tried again, for as long, so that nobody queues behind it. A database
    that was made from sql/schema has its migrations recorded only.

    Raises:
        LockHeld: another migration, or whoever uses a table, did not finish in time.
        Refused: what is recorded is not what it seems, or the database has these tables without any record.
        NotFound: there is no migration `to`.
        Unavailable: the server cannot be reached, or the connection was lost.
        AtbDbError: a migration failed and was rolled back; those before it stay. `statement` is its id.
    """
    from atb_db.admin.migrations.engine import engine

    release = release or Release()
    with engine(settings, release, wait=wait, progress=progress) as own:
        apply, adopt, complete = plan_migrate(release, own.facts, to=to)
        if adopt or complete:
            own.prepare()
            with own.backend.transaction():
                for migration in adopt:
                    own.record(migration, adopted=True)
                for migration in complete:
                    own.record_content(migration, adopted=True)
        applied = own.each(apply, lambda migration: _apply(own, release, migration)) if apply else ()
        made = _code(own, release) if to is None else Made()
        return Migrated(applied, tuple(migration.id for migration in adopt), *made)


def _code(own: Engine, release: Release) -> Made:
    """Make the code in a transaction of its own: readers of a view lock it before its tables, a migration after."""
    from atb_db.admin.migrations.engine import named

    connection = own.backend.connection
    connection.execute(CATALOG_SETTINGS)
    record = read_code_record(connection)
    plan = plan_code(release, record, read_catalog(connection))
    recorded = record == record_of(release) or not (record or release.declared.units)
    if plan.newer or (recorded and not plan.subjects):
        return Made()

    def make() -> Made:
        with own.backend.transaction():
            return make_code(connection, release, record)

    def tell(happened: Happened, seconds: float) -> None:
        own.progress(Event("code", happened, 1, 1, seconds))

    with named("code"):
        return own.until_free(make, tell)


def planned(settings: Settings, *, to: str | None = None, release: Release | None = None) -> tuple[Migration, ...]:
    """The migrations that `migrate` would apply, with their SQL; reads only, raises what `migrate` would."""
    release = release or Release()
    with reading(settings) as (connection, _):
        return plan_migrate(release, read_facts(connection, release), to=to).apply


def adopt(settings: Settings, name: str, *, wait: float = DEFAULT_WAIT, release: Release | None = None) -> str:
    """Record a migration as applied, with what its file says now, without running it; its id.

    Raises:
        Refused: nothing speaks for its having been applied.
        NotFound: there is no such migration.
    """
    allowed = {State.EDITED, State.UNMARKED, State.DIRTY, State.INTERRUPTED}
    release = release or Release()
    with _settling(settings, name, allowed, wait=wait, release=release) as (own, found):
        own.record(release.find(found), adopted=True)
    return found


def forget(settings: Settings, name: str, *, wait: float = DEFAULT_WAIT, release: Release | None = None) -> str:
    """Forget that a migration was applied or begun, without taking anything back; its id.

    Raises:
        Refused: it is applied, and `rollback` takes it back.
        NotFound: there is no record of such a migration.
    """
    allowed = {State.MARKED, State.DELETED, State.DIRTY, State.INTERRUPTED}
    with _settling(settings, name, allowed, wait=wait, release=release or Release()) as (own, found):
        own.forget(found, operation="unmark")
    return found


@contextmanager
def _settling(
    settings: Settings, name: str, allowed: AbstractSet[State], *, wait: float, release: Release
) -> Iterator[tuple[Engine, str]]:
    from atb_db.admin.migrations.engine import engine

    with engine(settings, release, wait=wait, progress=silent) as own:
        for one in migration_states(release, own.facts):
            if name not in {one.id, one.id.partition("-")[0]}:
                continue
            if one.state not in allowed:
                raise Refused(f"{one.id} is {one.state}" + (f": {one.repair}" if one.repair else ""))
            own.prepare()
            with own.backend.transaction():
                yield own, one.id
            return
    raise NotFound(f"there is no migration {name}")


def _apply(own: Engine, release: Release, migration: Migration) -> None:
    from atb_db.admin.migrations.engine import yoyo_migration

    backend = own.backend
    loaded = yoyo_migration(migration.id, migration.path)
    loaded.load()
    if migration.transactional:
        # yoyo's own way records it in a second transaction: whoever dies in between can never migrate again.
        with backend.transaction():
            for step in loaded.steps:
                step.apply(backend)
            own.record(migration)
        return
    with backend.transaction():
        own.record_content(migration)
    # What runs outside a transaction locks nobody out, and leaves a mess when it gives up.
    backend.connection.execute("SET lock_timeout = 0")
    failure: AtbDbError | None = None
    try:
        for step in loaded.steps:
            step.apply(backend)
    except psycopg.Error as error:
        failure = translation(error, writes=True)
        if backend.connection.broken:
            raise failure from None
    facts = read_facts(backend.connection, release)
    if failure is None and (broken := half_built(migration, facts)):
        failure = AtbDbError(f"the index {broken[0]} is invalid")
    if failure is not None:
        [repair] = [one.repair for one in migration_states(release, facts) if one.id == migration.id]
        failure.message += f"; {repair}"
        raise failure
    with backend.transaction():
        own.record(migration)
