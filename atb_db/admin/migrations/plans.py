"""Plans: which migrations to apply or roll back, or why not; decisions without I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from atb_db.admin.errors import Refused
from atb_db.admin.migrations.files import Migration, Release
from atb_db.admin.migrations.objects import Object, added_label, dropped
from atb_db.admin.migrations.states import (
    HARMLESS,
    NOT_APPLIED,
    Facts,
    MigrationStatus,
    State,
    folded_migrations,
    migration_states,
)
from atb_db.admin.schema.catalog import Difference
from atb_db.admin.tokens import SqlStatement

_NAMED_DIFFERENCES: Final = 3
_CONTROL: Final = frozenset({"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE"})


class Plan(NamedTuple):
    """What `migrate` has to do."""

    apply: tuple[Migration, ...]
    adopt: tuple[Migration, ...]
    """To be recorded without being run, because the database has the whole schema already."""
    complete: tuple[Migration, ...]
    """Applied before contents were recorded; theirs are to be."""
    fold: tuple[Migration, ...] = ()
    """To be recorded in place of the migrations that were folded into them."""
    together: tuple[Migration, ...] = ()
    """The last of `apply`, which go into one transaction with the code, as views are away meanwhile."""


def plan_migrate(release: Release, facts: Facts, *, to: str | None = None) -> Plan:
    """What brings the database up to the release, or to its migration `to`; one that is out of order goes alone.

    Raises:
        Refused: something is in the way that has to be looked at; the message says what to do.
        NotFound: there is no migration `to`.
    """
    last = release.find(to) if to is not None else None
    if facts.unrecorded and facts.differences:
        why = "the database has tables that are called as those of atb_db are, and no record of migrations"
        unlike = _unlike_the_schema(facts.differences, why)
        raise Refused(f"{unlike}; if another program made those tables, give atb_db an empty database")
    if facts.adoptable:
        return Plan((), adopt=tuple(release.migrations), complete=())
    states = {one.id: one for one in migration_states(release, facts)}
    alone = last is not None and states[last.id].state is State.OUT_OF_ORDER
    in_the_way = [
        one for one in states.values() if one.state not in HARMLESS and not (alone and one.state is State.OUT_OF_ORDER)
    ]
    if in_the_way:
        raise Refused(_listed(in_the_way))
    apply = [
        migration
        for migration in release.migrations
        if states[migration.id].state in NOT_APPLIED - {State.FOLDED} and (last is None or migration.id <= last.id)
    ]
    if alone:
        apply = [migration for migration in apply if migration is last]
    refuse_unusable(apply)
    together = _together(apply, facts, to=to)
    folded = folded_migrations(release, facts)
    if folded and facts.data_differences:
        raise Refused(
            _unlike_the_schema(facts.data_differences, f"{folded[0].id} was folded from those that are there")
        )
    unchecked = {record.id for record in facts.records if record.applied_at and record.checksum is None}
    return Plan(
        tuple(apply),
        adopt=(),
        complete=tuple(one for one in release.migrations if one.id in unchecked),
        fold=tuple(folded),
        together=together,
    )


def _together(apply: Sequence[Migration], facts: Facts, *, to: str | None) -> tuple[Migration, ...]:
    """From the first migration on that takes away a view that is there, as only the code makes it again."""
    there = {thing.name for thing in facts.objects if thing.kind in {"view", "function"}}
    first = next((number for number, one in enumerate(apply) if there & {*one.without}), None)
    if first is None:
        return ()
    names = ", ".join(sorted(there & {*apply[first].without}))
    if to is not None:
        raise Refused(f"{apply[first].id} takes {names} away, which is made again with the code: migrate without --to")
    for one in apply[first:]:
        if not one.transactional or any(added_label(statement) for statement in one.statements):
            raise Refused(
                f"{apply[first].id} takes {names} away until the code is made, and {one.id} cannot be in that "
                "transaction: first migrate with an earlier release, that has the one and not yet the other"
            )
    return tuple(apply[first:])


class RollbackPlan(NamedTuple):
    """One migration that is to be taken back."""

    migration: Migration
    drops: tuple[Object, ...]
    """The tables and columns that its rollback drops, with everything stored in them."""
    code: tuple[str, ...] = ()
    """The functions, views and triggers that are dropped before, as they use those; `migrate` makes them again."""


def plan_rollback(release: Release, facts: Facts, *, steps: int = 1, to: str | None = None) -> tuple[RollbackPlan, ...]:
    """The migrations to be taken back, the last applied one first: `steps` of them, or all that came after `to`.

    Raises:
        Refused: one cannot be taken back, or not by this release.
        NotFound: `to` is no migration of this release, or not applied.
    """
    states = {one.id: one for one in migration_states(release, facts)}
    begun = [one for one in states.values() if one.state in {State.DIRTY, State.INTERRUPTED, State.RUNNING}]
    if begun:
        raise Refused(_listed(begun))
    applied = [record.id for record in reversed(facts.records)]
    if to is not None:
        last = release.find(to).id
        if last not in applied:
            raise Refused(f"{last} is not applied")
        applied = [name for name in applied if name > last]
    else:
        applied = applied[:steps]
    return tuple(_taken_back(release, states[name]) for name in applied)


def _taken_back(release: Release, found: MigrationStatus) -> RollbackPlan:
    if found.state in {State.UNKNOWN, State.DELETED}:
        raise Refused(_listed([found]))
    migration = release.find(found.id)
    if migration.rollback_sql is None:
        raise Refused(f"{found.id} cannot be taken back: there is no {migration.rollback_path.name}")
    if any(is_transaction_control(statement) for statement in migration.rollback_statements):
        raise Refused(f"{migration.rollback_path.name} begins or ends transactions itself")
    drops = [thing for statement in migration.rollback_statements for thing in dropped(statement)]
    return RollbackPlan(migration, tuple(thing for thing in drops if thing.kind in {"table", "column"}))


def refuse_unusable(migrations: Iterable[Migration]) -> None:
    """Refuse files whose COMMIT would make half of them permanent, or that would not run as they say."""
    for migration in migrations:
        if any(is_transaction_control(statement) for statement in migration.statements):
            raise Refused(f"{migration.id} begins or ends transactions itself: `atb-db lint` says where")
        for line, problem in migration.unusable_directives:
            raise Refused(f"{migration.path.name}:{line}: {problem}")


def is_transaction_control(statement: SqlStatement) -> bool:
    """Whether the statement begins, ends or divides a transaction."""
    return statement.shape.partition(" ")[0] in _CONTROL or statement.shape.startswith("PREPARE TRANSACTION")


def _unlike_the_schema(differences: Sequence[Difference], why: str) -> str:
    named = [f"{difference.what} {difference.where}" for difference in differences[:_NAMED_DIFFERENCES]]
    more = len(differences) - len(named)
    return (
        f"{why}, and the schema is not what sql/schema says: "
        f"{', '.join(named)}{f' and {more} more' if more else ''} (`atb-db verify` lists every difference)"
    )


def _listed(found: Iterable[MigrationStatus]) -> str:
    return "\n".join(f"{one.id} is {one.state}: {one.repair}" for one in found)
