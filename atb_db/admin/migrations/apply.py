"""Bringing a database up to date."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

import psycopg

from atb_db.admin.connection import CATALOG_SETTINGS, Connection, ask, reading
from atb_db.admin.errors import Refused
from atb_db.admin.migrations.code import CodePlan, plan_code
from atb_db.admin.migrations.files import Migration, Release, this_release
from atb_db.admin.migrations.making import Maker
from atb_db.admin.migrations.plans import Plan, plan_migrate
from atb_db.admin.migrations.reading import read_code_record, read_facts, read_invalid_indexes
from atb_db.admin.migrations.running import place_of, run_statements
from atb_db.admin.migrations.states import State, half_built, migration_states
from atb_db.admin.migrations.steps import Event, Happened, OnEvent, silent
from atb_db.admin.schema.catalog import read_catalog
from atb_db.config import Settings
from atb_db.database.translation import translation
from atb_db.errors import AtbDbError, NotFound

if TYPE_CHECKING:
    from atb_db.admin.migrations.engine import Engine

DEFAULT_WAIT: Final = 300.0
"""Seconds."""

# A column that a view shows can be neither dropped nor changed.
_NEEDED_BY_CODE: Final = (psycopg.errors.DependentObjectsStillExist, psycopg.errors.FeatureNotSupported)
_NEEDED_AT: Final = frozenset({"reportDependentObjects", "ATExecAlterColumnType", "RememberAllDependentForRebuilding"})


class Migrated(NamedTuple):
    """What `migrate` did."""

    applied: tuple[str, ...]
    adopted: tuple[str, ...]
    """Recorded without being run, because the database already had the whole schema."""
    code: tuple[str, ...] = ()
    """The functions, views, triggers and comments that were made, changed or dropped afterwards."""
    notes: tuple[str, ...] = ()
    """Grants that could not be restored on objects that were dropped and made again."""


def migrate(
    settings: Settings,
    *,
    to: str | None = None,
    wait: float = DEFAULT_WAIT,
    progress: OnEvent = silent,
    release: Release | None = None,
    older_code: bool = False,
) -> Migrated:
    """Apply the migrations that the database has not got, up to `to`, each in a transaction of its own.

    Of several at once, one works and the others wait for it, for `wait` seconds at the most. A migration that would
    wait for a table in use is rolled back and tried again, for as long, so that nobody queues behind it. A database
    that was made from sql/schema has its migrations recorded only. Then, unless `to` is given, the functions, views,
    triggers and comments that differ from sql/schema are made, in a transaction of their own; those of a later release
    are left as they are, unless `older_code` asks for this one's.

    Raises:
        LockHeld: another migration, or another user of a table, did not finish in time.
        Refused: what is recorded is not what it seems, or the database has these tables without any record, or the role
            lacks a right to make the schema: the message has the GRANTs.
        NotFound: there is no migration `to`.
        Unavailable: the server cannot be reached, or the connection was lost.
        AtbDbError: a migration failed and was rolled back; those before it stay. `statement` is its id.
    """
    from atb_db.admin.migrations.engine import engine

    release = release or this_release()
    with engine(settings, release, wait=wait, progress=progress) as own:
        plan = plan_migrate(release, own.facts, to=to)
        if plan.apply or plan.adopt:
            _refuse_without_rights(own.backend.connection)
        _record(own, plan)
        own.each(
            [one for one in plan.apply if one not in plan.together], lambda migration: _apply(own, release, migration)
        )
        made = _make(own, release, plan, older_code=older_code) if to is None else _Made()
        return Migrated(tuple(one.id for one in plan.apply), tuple(one.id for one in (*plan.adopt, *plan.fold)), *made)


def _refuse_without_rights(connection: Connection) -> None:
    """Refuse before the first statement what would fail half-way.

    Raises:
        Refused: the role may not create in the schema, or no schema in the database.
    """
    if grants := [f"{statement};" for (statement,) in ask(connection, "missing_rights")]:
        raise Refused(
            f"the role {connection.info.user} may not make the schema; an administrator, or the database's owner, lets "
            f"it: {' '.join(grants)}"
        )


def _record(own: Engine, plan: Plan) -> None:
    """Record migrations whose objects are there although they were not run."""
    if not (plan.adopt or plan.complete or plan.fold):
        return
    own.prepare()
    with own.backend.transaction():
        for migration in plan.fold:
            for part in migration.replaces:
                own.forget(part, operation="unmark")
        for migration in (*plan.adopt, *plan.fold):
            own.record(migration, adopted=True)
        for migration in plan.complete:
            own.record_content(migration, adopted=True)


class _Made(NamedTuple):
    code: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def _make(own: Engine, release: Release, plan: Plan, *, older_code: bool) -> _Made:
    """Make the code in a transaction of its own: readers of a view lock it before its tables, a migration after.

    Migrations before which views must be dropped go into the same transaction, after that.
    """
    from atb_db.admin.migrations.engine import named

    connection = own.backend.connection
    connection.execute(CATALOG_SETTINGS)

    def code_plan() -> CodePlan:
        return plan_code(release, read_code_record(connection), read_catalog(connection), older=older_code)

    before = code_plan()
    if before.newer:
        note = f"The code is that of atb-db {before.newer}, a later release, and is left as it is."
        if plan.together:
            raise Refused(f"{plan.together[0].id} takes views away that a later release, {before.newer}, has made")
        return _Made(notes=(note,))
    if not (before.subjects or before.record or plan.together):
        return _Made()

    def make() -> _Made:
        with own.backend.transaction():
            connection.execute("SET LOCAL search_path TO public")
            maker = Maker(connection, release)
            maker.drop_named([name for migration in plan.together for name in migration.without])
            for migration in plan.together:
                _run(own, migration)
            connection.execute("SET LOCAL search_path TO public")
            after = code_plan()
            return _Made(after.subjects, maker.follow(after))

    names = [*(migration.id for migration in plan.together), "code"]

    def report(happened: Happened, seconds: float) -> None:
        for number, name in enumerate(names, 1):
            own.progress(Event(name, happened, number, len(names), seconds))

    own.prepare()
    with named(" and ".join([*(f"migration {migration.id}" for migration in plan.together), "code"])):
        return own.until_free(make, report)


class Planned(NamedTuple):
    """What `migrate` would do."""

    migrations: tuple[Migration, ...]
    code: CodePlan
    """As the code is before the migrations, which may let more of it be made."""


def planned(settings: Settings, *, to: str | None = None, release: Release | None = None) -> Planned:
    """The migrations that `migrate` would apply and the code that it would make; raises what `migrate` would."""
    release = release or this_release()
    with reading(settings) as (connection, _):
        facts = read_facts(connection, release)
        return Planned(plan_migrate(release, facts, to=to).apply, facts.code if to is None else CodePlan())


def adopt(settings: Settings, name: str, *, wait: float = DEFAULT_WAIT, release: Release | None = None) -> str:
    """Record a migration as applied, with what its file says now, without running it; its id.

    Raises:
        Refused: nothing speaks for its having been applied.
        NotFound: there is no such migration.
    """
    allowed = {State.EDITED, State.UNMARKED, State.DIRTY, State.INTERRUPTED}
    release = release or this_release()
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
    with _settling(settings, name, allowed, wait=wait, release=release or this_release()) as (own, found):
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


def _run(own: Engine, migration: Migration) -> None:
    """Run a migration and record it, in the transaction that is under way."""
    try:
        run_statements(own.backend.connection, migration.path.name, migration.statements)
    except _NEEDED_BY_CODE as error:
        if error.diag.source_function not in _NEEDED_AT:
            raise
        raise AtbDbError(
            f"{error.diag.message_primary}: {error.diag.message_detail}; "
            "name the views and functions that must be away meanwhile above the first statement: `-- without: NAME`"
        ) from None
    own.record(migration)


def _apply(own: Engine, release: Release, migration: Migration) -> None:
    backend = own.backend
    if migration.transactional:
        # yoyo's own way records it in a second transaction: a process that dies in between can never migrate again.
        with backend.transaction():
            _run(own, migration)
        return
    with backend.transaction():
        own.record_content(migration)
    # What runs outside a transaction locks nobody out, and leaves a mess when it gives up.
    backend.connection.execute("SET lock_timeout = 0")
    failure: AtbDbError | None = None
    try:
        run_statements(backend.connection, migration.path.name, migration.statements)
    except psycopg.Error as error:
        failure = translation(error, writes=True)
        failure.message += f" ({place_of(error)})"
        if backend.connection.broken:
            raise failure from None
    if failure is None and (broken := half_built(migration, read_invalid_indexes(backend.connection))):
        failure = AtbDbError(f"the index {broken[0]} is invalid")
    if failure is not None:
        facts = read_facts(backend.connection, release)
        [repair] = [one.repair for one in migration_states(release, facts) if one.id == migration.id]
        failure.message += f"; {repair}"
        raise failure
    with backend.transaction():
        own.record(migration)
