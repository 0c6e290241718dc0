"""Taking migrations back."""

from __future__ import annotations

from atb_db.admin.connection import CATALOG_SETTINGS, Connection, ask, reading
from atb_db.admin.errors import Refused
from atb_db.admin.migrations.apply import DEFAULT_WAIT
from atb_db.admin.migrations.code import code_entries
from atb_db.admin.migrations.files import Migration, Release, this_release
from atb_db.admin.migrations.making import Maker, code_in_the_way
from atb_db.admin.migrations.plans import RollbackPlan, plan_rollback
from atb_db.admin.migrations.reading import read_code_record, read_facts
from atb_db.admin.migrations.running import run_statements
from atb_db.admin.migrations.steps import OnEvent, silent
from atb_db.admin.schema.catalog import read_catalog
from atb_db.config import Settings


def rollback_plan(
    settings: Settings, *, steps: int = 1, to: str | None = None, release: Release | None = None
) -> tuple[RollbackPlan, ...]:
    """What `rollback` would take back, and what that drops; reads only, raises what `rollback` would."""
    release = release or this_release()
    with reading(settings) as (connection, _):
        plan = plan_rollback(release, read_facts(connection, release), steps=steps, to=to)
        code = ((one, _code_of(connection, release, one)) for one in plan)
        return tuple(one._replace(code=tuple(" ".join(name) for name in names)) for one, names in code)


def _code_of(connection: Connection, release: Release, plan: RollbackPlan) -> tuple[tuple[str, str], ...]:
    """The code that goes before a migration is taken back: what uses what it drops, and before the first one all."""
    if plan.migration is not release.migrations[0]:
        return code_in_the_way(connection, release, plan.drops)
    there = {(entry.kind, entry.name) for entry in read_catalog(connection)}
    return tuple(one for one in code_entries(release) if one in there)


def rollback(
    settings: Settings,
    plan: tuple[RollbackPlan, ...],
    *,
    wait: float = DEFAULT_WAIT,
    progress: OnEvent = silent,
    release: Release | None = None,
) -> tuple[str, ...]:
    """Take back the migrations of a plan that was agreed to; their ids, in that order.

    Each rollback file runs as it is written, in one transaction with its record.

    Raises:
        Refused: these are no longer the migrations that were applied last.
        LockHeld: another migration, or another user of a table, did not finish in time.
        Unavailable: the server cannot be reached, or the connection was lost.
        AtbDbError: a rollback failed and changed nothing; those before it are taken back. `statement` is its id.
    """
    from atb_db.admin.migrations.engine import engine

    release = release or this_release()
    with engine(settings, release, wait=wait, progress=progress) as own:
        connection = own.backend.connection
        now = plan_rollback(release, own.facts, steps=len(plan))
        plans = {one.migration.id: one for one in now}

        def take_back(migration: Migration) -> None:
            connection.execute(CATALOG_SETTINGS)
            with own.backend.transaction():
                # Before any table is locked: who reads a view locks it before its tables.
                code = _code_of(connection, release, plans[migration.id])
                Maker(connection, release).drop_all(code)
                if migration.rollback_statements:
                    file = migration.rollback_path if migration.rollback_path.is_file() else migration.path
                    run_statements(connection, file.name, migration.rollback_statements)
                own.forget(migration.id, operation="rollback")
                if migration is release.migrations[0] and read_code_record(connection):
                    ask(connection, "forget_code")

        if [one.migration.id for one in now] != [one.migration.id for one in plan]:
            raise Refused("other migrations were applied or taken back meanwhile; nothing was done")
        return own.each([one.migration for one in now], take_back) if now else ()
