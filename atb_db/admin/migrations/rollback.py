"""Taking migrations back."""

from __future__ import annotations

from atb_db.admin.connection import reading
from atb_db.admin.errors import Refused
from atb_db.admin.migrations.apply import DEFAULT_WAIT
from atb_db.admin.migrations.files import Migration, Release
from atb_db.admin.migrations.plans import RollbackPlan, plan_rollback
from atb_db.admin.migrations.progress import Progress, silent
from atb_db.admin.migrations.reading import read_facts
from atb_db.config import Settings


def rollback_plan(
    settings: Settings, *, steps: int = 1, to: str | None = None, release: Release | None = None
) -> tuple[RollbackPlan, ...]:
    """What `rollback` would take back, and what that drops; reads only, raises what `rollback` would."""
    release = release or Release()
    with reading(settings) as (connection, _):
        return plan_rollback(release, read_facts(connection, release), steps=steps, to=to)


def rollback(
    settings: Settings,
    plan: tuple[RollbackPlan, ...],
    *,
    wait: float = DEFAULT_WAIT,
    progress: Progress = silent,
    release: Release | None = None,
) -> tuple[str, ...]:
    """Take back the migrations of a plan that was agreed to; their ids, in that order.

    Each rollback file runs as it is written, in one transaction with its record.

    Raises:
        Refused: these are no longer the migrations that were applied last.
        LockHeld: another migration, or whoever uses a table, did not finish in time.
        Unavailable: the server cannot be reached, or the connection was lost.
        AtbDbError: a rollback failed and changed nothing; those before it are taken back. `statement` is its id.
    """
    from atb_db.admin.migrations.engine import engine

    release = release or Release()
    with engine(settings, release, wait=wait, progress=progress) as own:

        def take_back(migration: Migration) -> None:
            with own.backend.transaction():
                if migration.rollback_statements:
                    own.backend.connection.execute((migration.rollback_sql or "").encode())
                own.forget(migration.id, operation="rollback")

        now = plan_rollback(release, own.facts, steps=len(plan))
        if [one.migration.id for one in now] != [one.migration.id for one in plan]:
            raise Refused("other migrations were applied or taken back meanwhile; nothing was done")
        return own.each([one.migration for one in now], take_back) if now else ()
