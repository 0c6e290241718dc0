"""The code of a schema, its functions, views, triggers and comments: what differs from sql/schema is made again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, cast

import psycopg

from atb_db.admin.access.grants import grant_again, read_grants
from atb_db.admin.connection import Connection
from atb_db.admin.ddl import quoted
from atb_db.admin.errors import Refused
from atb_db.admin.migrations.files import Release
from atb_db.admin.migrations.objects import Object
from atb_db.admin.migrations.reading import run
from atb_db.admin.migrations.states import CodeRecord
from atb_db.admin.schema.catalog import Catalog, differences, read_catalog
from atb_db.admin.schema.declared import Comment, Unit

CODE_KINDS: Final = frozenset({"function", "view", "trigger"})
_HEADER_CHANGED: Final = (psycopg.errors.InvalidFunctionDefinition, psycopg.errors.InvalidTableDefinition)


class CodePlan(NamedTuple):
    """What makes a database's code that of a release."""

    make: tuple[Unit, ...]
    """Those that are missing or different, in the order in which they are made."""
    comments: tuple[Comment, ...]
    """Those that are missing or different, on what need not be made."""
    drop: tuple[tuple[str, str], ...]
    """Kind and name of those that an earlier release made, and this one no longer has."""
    newer: str | None = None
    """The later release whose code is there, and is left as it is."""

    @property
    def subjects(self) -> tuple[str, ...]:
        """What is made, described or dropped, each in words."""
        described = dict.fromkeys(f"comment on {one.kind} {one.name}" for one in self.comments)
        return (*map(str, self.make), *described, *(f"{kind} {name}" for kind, name in self.drop))


def plan_code(release: Release, record: CodeRecord | None, actual: Catalog) -> CodePlan:
    """What is to be made, described and dropped, by comparing what is there with what should be."""
    if record and _version(record.release) > _version(release.version):
        return CodePlan((), (), (), newer=record.release)
    declared = release.declared
    views = {one.name for one in declared.units if one.kind == "view"}
    units: set[tuple[str, str]] = set()
    described: set[tuple[str, str]] = set()
    for one in differences(release.expected, actual):
        kind, _, comment = one.what.partition(" ")
        name = bare(kind, one.where)
        if kind == "column" and not comment and (view := name.rpartition(".")[0]) in views:
            units.add(("view", view))
        elif comment and one.expected is not None:
            described.add((kind, name))
        elif kind in CODE_KINDS and one.expected is not None:
            units.add((kind, name))
    make = tuple(one for one in declared.units if (one.kind, one.name) in units)
    there = {(entry.kind, entry.name) for entry in actual}
    known = {(entry.kind, entry.name) for entry in release.expected}
    return CodePlan(
        make,
        tuple(_comments(release, units, described)),
        tuple(one for one in (record.objects if record else ()) if one in there and one not in known),
    )


def _comments(release: Release, units: set[tuple[str, str]], described: set[tuple[str, str]]) -> Iterator[Comment]:
    compared = {(entry.kind, bare(entry.kind, entry.name)) for entry in release.expected}
    for unit in release.declared.units:
        if (unit.kind, unit.name) not in units:
            yield from (one for one in unit.comments if (one.kind, one.name) in described)
    for one in release.declared.comments:
        # What the catalog leaves out, such as a sequence, is described whenever anything is made.
        if (one.kind, one.name) in described or (units and (one.kind, one.name) not in compared):
            yield one


def bare(kind: str, name: str) -> str:
    """A name of the catalog, of a function without its parameters."""
    return name.partition("(")[0] if kind == "function" else name


def code_entries(release: Release) -> list[tuple[str, str]]:
    """Kind and name, as the catalog says them, of all code that the release declares."""
    declared = {(unit.kind, unit.name) for unit in release.declared.units}
    return [(one.kind, one.name) for one in release.expected if (one.kind, bare(one.kind, one.name)) in declared]


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdecimal())


class Made(NamedTuple):
    """What was done to a database's code."""

    subjects: tuple[str, ...] = ()
    """What was made, described or dropped, in words."""
    notes: tuple[str, ...] = ()
    """Grants that could not be given again."""


def make_code(connection: Connection, release: Release, record: CodeRecord | None) -> Made:
    """Make a database's code that of the release, inside the caller's transaction.

    Raises:
        Refused: something that is not atb_db's depends on what must be dropped.
    """
    connection.execute("SET LOCAL search_path TO public")
    plan = plan_code(release, record, read_catalog(connection))
    if plan.newer:
        return Made()
    maker = Maker(connection, release, record)
    for kind, name in plan.drop:
        maker.drop(kind, name)
    maker.make(plan.make)
    maker.describe(plan.comments)
    notes = maker.restore()
    if record != record_of(release):
        record_code(connection, release)
    return Made(plan.subjects, notes)


def record_code(connection: Connection, release: Release) -> None:
    """Record that the code is the release's, inside the caller's transaction."""
    if connection.execute("SELECT to_regclass('public._atb_code') IS NULL").fetchall() == [(True,)]:
        run(connection, "code_table")
    found = record_of(release)
    run(connection, "record_code", found.release, [f"{kind} {name}" for kind, name in found.objects])


def record_of(release: Release) -> CodeRecord:
    """What is recorded when the code is the release's."""
    return CodeRecord(release.version, tuple(code_entries(release)))


def code_in_the_way(connection: Connection, release: Release, drops: Iterable[Object]) -> tuple[tuple[str, str], ...]:
    """Kind and name of the release's code that keeps tables and columns from being dropped."""
    ours = set(code_entries(release))
    found: dict[tuple[str, str], None] = {}
    for kind, name in drops:
        table, column = name.rpartition(".")[::2] if kind == "column" else (name, None)
        users = cast("list[tuple[str, str, str]]", run(connection, "dependents", "table", table, column))
        # A table takes its triggers with it.
        found |= {(one, called): None for one, called, _ in users if kind == "column" or one != "trigger"}
    return tuple(one for one in found if one in ours)


class Maker:
    """Makes and drops code in one transaction; what others were granted on what is made again, they keep."""

    def __init__(self, connection: Connection, release: Release, record: CodeRecord | None) -> None:
        self._connection = connection
        self._units = {(unit.kind, unit.name): unit for unit in release.declared.units}
        self._place = {key: number for number, key in enumerate(self._units)}
        entries = code_entries(release)
        self._full_names = {(kind, bare(kind, name)): name for kind, name in entries}
        self._ours = {*entries, *(record.objects if record else ())}
        self._waiting: set[tuple[str, str]] = set()
        self._dropped: set[tuple[str, str]] = set()
        self._grants: list[str] = []
        self._owners: dict[tuple[str, str], str] = {}

    def make(self, units: Iterable[Unit] = ()) -> None:
        """Make the units, and what had to be dropped because it depends on them."""
        self._waiting |= {(unit.kind, unit.name) for unit in units}
        while self._waiting:
            key = min(self._waiting, key=self._place.__getitem__)
            unit = self._units[key]
            try:
                with self._connection.transaction():
                    self._connection.execute(unit.statement.encode())
            except _HEADER_CHANGED:
                kind, name = unit.kind, self._full_names.get(key, unit.name)
                if (kind, name) in self._dropped:
                    raise
                self.drop(kind, name)
                continue
            self._waiting.discard(key)
            self.describe(unit.comments)

    def describe(self, comments: Iterable[Comment]) -> None:
        """Say what the comments say."""
        for comment in comments:
            statement = comment.statement
            if comment.kind == "function":
                # By its parameters, as there may be another of this name.
                name = self._full_names.get(("function", comment.name), comment.name)
                statement = f"COMMENT ON FUNCTION {name} IS {statement.partition(' IS')[2]}"
            self._connection.execute(statement.encode())

    def drop_all(self, objects: Iterable[tuple[str, str]]) -> None:
        """Drop those that are there, as `drop` does."""
        for kind, name in objects:
            if (kind, name) not in self._dropped:
                self.drop(kind, name)

    def drop(self, kind: str, name: str) -> None:
        """Drop it with what depends on it, which is made again by `make` where the release has it.

        Raises:
            Refused: something that is not atb_db's depends on it.
        """
        doomed = [(kind, name)]
        if kind != "trigger":
            found = cast("list[tuple[str | None, str, str]]", run(self._connection, "dependents", kind, name, None))
            foreign = sorted(what for one, called, what in found if (one, called) not in self._ours)
            if foreign:
                raise Refused(
                    f"the {kind} {name} must be made again, and what is not atb_db's depends on it: "
                    f"{', '.join(foreign)}; drop that first, and make it again afterwards"
                )
            doomed = [(one or "", called) for one, called, _ in found]
        self._remember()
        while doomed:
            left = [one for one in doomed if not self._dropped_now(*one)]
            if len(left) == len(doomed):
                raise Refused(f"cannot drop the {kind} {name}: something depends on it")
            doomed = left

    def _dropped_now(self, kind: str, name: str) -> bool:
        table, _, trigger = name.rpartition(".")
        what = f"{trigger} ON {table}" if kind == "trigger" else name
        try:
            with self._connection.transaction():
                self._connection.execute(f"DROP {kind} {what}".encode())
        except psycopg.errors.DependentObjectsStillExist:
            return False
        self._dropped.add((kind, name))
        if (key := (kind, bare(kind, name))) in self._units:
            self._waiting.add(key)
        return True

    def _remember(self) -> None:
        if not self._dropped:
            self._grants = read_grants(self._connection)
            self._owners = self._read_owners()

    def restore(self) -> tuple[str, ...]:
        """Give what was dropped and made again its owner and its grants; the grants that could not be given."""
        if not self._dropped:
            return ()
        for (kind, name), owner in self._read_owners().items():
            before = self._owners.get((kind, name), owner)
            if (kind, name) in self._dropped and owner != before:
                self._connection.execute(f"ALTER {kind} {name} OWNER TO {quoted(before)}".encode())
        there = set(read_grants(self._connection))
        lost = [statement for statement in self._grants if statement not in there]
        return tuple(note for statement in lost if (note := grant_again(self._connection, statement)))

    def _read_owners(self) -> dict[tuple[str, str], str]:
        rows = cast("list[tuple[str, str, str, str, str]]", run(self._connection, "owned_objects"))
        return {(kind, name): owner for kind, name, _, owner, _ in rows if kind in CODE_KINDS}
