"""States of a migration in a database, and how to fix each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from atb_db.admin.migrations.code import CodePlan
from atb_db.admin.migrations.files import Migration, Release
from atb_db.admin.migrations.objects import Object
from atb_db.admin.schema.catalog import Difference
from atb_db.admin.tokens import SqlStatement
from atb_db.database.connecting import ServerInfo


class State(StrEnum):
    """A migration's state in a database."""

    APPLIED = "applied"
    PENDING = "pending"
    """Not applied yet, and nothing is in the way."""
    OUT_OF_ORDER = "out of order"
    """Not applied, and a later one is."""
    UNMARKED = "unmarked"
    """Not recorded, and everything that it makes is there: the database was made from sql/schema, or by hand."""
    EDITED = "edited"
    """Applied, and its file says something else since."""
    UNCHECKED = "unchecked"
    """Applied, and what its file said then is not recorded, so that an edit would go unnoticed."""
    MARKED = "marked"
    """Recorded, and nothing of what it makes is there."""
    DELETED = "deleted"
    """Applied, and its file is gone."""
    UNKNOWN = "unknown"
    """Applied by a newer release: its number is higher than any that this one has."""
    INTERRUPTED = "interrupted"
    """Runs outside a transaction, was begun and has not finished; the next `migrate` finishes it."""
    DIRTY = "dirty"
    """The same, and somebody has to look at what it left."""
    RUNNING = "running"
    """Another process is applying it now."""
    FOLDED = "folded"
    """Applied as the migrations that were folded into it later; the next `migrate` records it in their place."""


NOT_APPLIED: Final = frozenset(
    {State.PENDING, State.OUT_OF_ORDER, State.UNMARKED, State.INTERRUPTED, State.DIRTY, State.RUNNING, State.FOLDED}
)
HARMLESS: Final = frozenset(
    {
        State.APPLIED,
        State.UNCHECKED,
        State.PENDING,
        State.INTERRUPTED,
        State.RUNNING,
        State.UNKNOWN,
        State.FOLDED,
    }
)


class Record(NamedTuple):
    """What a database has recorded of a migration."""

    id: str
    applied_at: datetime | None
    """None if it was begun and has not finished."""
    checksum: str | None
    """None if it was applied by a version that recorded none."""


class MigrationStatus(NamedTuple):
    """One migration in one database."""

    id: str
    state: State
    applied_at: datetime | None = None
    repair: str | None = None
    """What to do, with the command; None if nothing is to be done."""


class Status(NamedTuple):
    """The migrations of a database."""

    server: ServerInfo
    migrations: tuple[MigrationStatus, ...]
    """Those of this release and those that are recorded, by their ids."""
    code: tuple[str, ...] = ()
    """The functions, views, triggers and comments that `migrate` would make, change or drop."""
    newer_code: str | None = None
    """The later release that made the code, which `migrate` therefore leaves as it is."""

    @property
    def applied(self) -> tuple[MigrationStatus, ...]:
        """Those that are recorded as applied."""
        return tuple(one for one in self.migrations if one.state not in NOT_APPLIED)

    @property
    def pending(self) -> tuple[str, ...]:
        """Ids of those that are not, in the order in which they will be."""
        return tuple(one.id for one in self.migrations if one.state in NOT_APPLIED)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Ids of applied ones that this release does not have."""
        return tuple(one.id for one in self.migrations if one.state in {State.UNKNOWN, State.DELETED})

    @property
    def problems(self) -> tuple[MigrationStatus, ...]:
        """Those that `migrate` does not fix by itself."""
        return tuple(one for one in self.migrations if one.state not in HARMLESS)


class Facts(NamedTuple):
    """What of a database decides the states."""

    records: tuple[Record, ...]
    objects: frozenset[Object]
    """The objects that exist."""
    invalid_indexes: frozenset[str]
    has_tables: bool
    """Whether any of the release's tables is there."""
    differences: tuple[Difference, ...]
    """What the schema differs in from the release's."""
    data_differences: tuple[Difference, ...]
    """Those that are about what holds data."""
    running: bool
    """Whether some process holds the lock on migrations."""
    code: CodePlan
    """What makes its code the release's."""

    @property
    def unrecorded(self) -> bool:
        """Whether the schema, or a part of it, is there without a record of any migration."""
        return self.has_tables and not self.records

    @property
    def adoptable(self) -> bool:
        """Whether `migrate` has only to record what there is."""
        return self.unrecorded and not self.differences


def migration_states(release: Release, facts: Facts) -> Iterator[MigrationStatus]:
    """The state of each migration of the release, and of each that is recorded."""
    known = {migration.id: migration for migration in release.migrations}
    folded = {migration.id: migration.replaces for migration in folded_migrations(release, facts)}
    parts = {part for replaced in folded.values() for part in replaced}
    records = {record.id: record for record in facts.records if record.id not in parts}
    replaced_ever = {part for migration in release.migrations for part in migration.replaces}
    last_known = max(known, default="")
    last_applied = max((record.id for record in records.values() if record.applied_at), default="")
    for name in sorted(known.keys() | records.keys()):
        record, migration = records.get(name), known.get(name)
        if name in folded:
            state = State.FOLDED
        elif migration is None:
            state = State.UNKNOWN if name > last_known and name not in replaced_ever else State.DELETED
        elif record is None:
            state = _unrecorded_state(release.own_objects[name], facts, late=name < last_applied)
        elif record.applied_at is None:
            state = _begun_state(migration, facts)
        elif record.checksum not in {None, migration.checksum}:
            state = State.EDITED
        else:
            own = release.own_objects[name]
            if own and not own & facts.objects:
                state = State.MARKED
            else:
                state = State.UNCHECKED if record.checksum is None else State.APPLIED
        yield MigrationStatus(name, state, record and record.applied_at, _repair(name, state, migration, facts))


def folded_migrations(release: Release, facts: Facts) -> list[Migration]:
    """Those that are not recorded, while all that they were folded from are."""
    applied = {record.id for record in facts.records if record.applied_at}
    return [one for one in release.migrations if one.replaces and one.id not in applied and applied >= {*one.replaces}]


def _unrecorded_state(own: frozenset[Object], facts: Facts, *, late: bool) -> State:
    if facts.adoptable or (own and own <= facts.objects):
        return State.UNMARKED
    return State.OUT_OF_ORDER if late else State.PENDING


def _begun_state(migration: Migration, facts: Facts) -> State:
    if facts.running:
        return State.RUNNING
    finishable = all(map(is_repeatable, migration.statements)) and not half_built(migration, facts.invalid_indexes)
    return State.INTERRUPTED if finishable else State.DIRTY


_REPEATABLE: Final = re.compile(
    r"(?:CREATE (?:UNIQUE )?INDEX CONCURRENTLY IF NOT EXISTS|DROP INDEX CONCURRENTLY IF EXISTS|REINDEX|VACUUM|ANALYZE"
    r"|ALTER TYPE .+ ADD VALUE IF NOT EXISTS)\b"
)


def is_repeatable(statement: SqlStatement) -> bool:
    """Whether the statement may run again after it has run, or begun to."""
    return _REPEATABLE.match(statement.shape) is not None


def half_built(migration: Migration, invalid_indexes: frozenset[str]) -> list[str]:
    """The invalid indexes that the migration names: what CREATE INDEX CONCURRENTLY leaves when it is interrupted."""
    named = {token.text.strip('"') for statement in migration.statements for token in statement.tokens}
    return sorted(invalid_indexes & named)


_REPAIRS: Final = {
    State.PENDING: "`atb-db migrate` applies it",
    State.OUT_OF_ORDER: "give it a number after the last applied one, or apply it as it is: `atb-db migrate --to {id}`",
    State.UNMARKED: "if all that it makes is there, record it: `atb-db migrate --adopt {id}`",
    State.EDITED: (
        "restore its file from version control and put the change into a new migration (`atb-db new NAME`); "
        "if the database has the change already: `atb-db migrate --adopt {id}`"
    ),
    State.UNCHECKED: "see that its file is what was applied; `atb-db migrate` records it then",
    State.MARKED: "forget the record, `atb-db migrate --forget {id}`, then apply it: `atb-db migrate`",
    State.DELETED: "restore its file from version control; if it shall never come back: `atb-db migrate --forget {id}`",
    State.UNKNOWN: "a newer release of atb-db applied it: use that one",
    State.INTERRUPTED: "`atb-db migrate` finishes it",
    State.FOLDED: "`atb-db migrate` records it in place of those that it was folded from",
    State.RUNNING: "`atb-db migrate` waits for the process that applies it",
    State.DIRTY: (
        "see which of its statements ran; if all did: `atb-db migrate --adopt {id}`; else undo them, then "
        "`atb-db migrate --forget {id}` and `atb-db migrate`"
    ),
}


def _repair(name: str, state: State, migration: Migration | None, facts: Facts) -> str | None:
    if state is State.UNMARKED and facts.adoptable:
        return "the schema is all there: `atb-db migrate` records it"
    if state is State.DIRTY and migration is not None and (indexes := half_built(migration, facts.invalid_indexes)):
        drops = " ".join(f"-c 'DROP INDEX CONCURRENTLY IF EXISTS \"{index}\"'" for index in indexes)
        return f"drop what it left half-built, `atb-db psql --write -- {drops}`, then `atb-db migrate`"
    return None if state is State.APPLIED else _REPAIRS[state].format(id=name)
