"""Making the code of a schema, its functions, views, triggers and comments, from sql/schema."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, cast

import psycopg
from psycopg import sql

from atb_db.admin.access.grants import grant_again, read_grants
from atb_db.admin.connection import Connection, ask
from atb_db.admin.errors import Refused
from atb_db.admin.migrations.code import CODE_KINDS, CodePlan, bare, code_entries, record_of
from atb_db.admin.migrations.files import Release
from atb_db.admin.migrations.objects import Object
from atb_db.admin.migrations.reading import read_code_record
from atb_db.admin.quoting import Written, composed
from atb_db.admin.schema.catalog import read_catalog
from atb_db.admin.schema.declared import Comment, Unit

_HEADER_CHANGED: Final = (psycopg.errors.InvalidFunctionDefinition, psycopg.errors.InvalidTableDefinition)


def record_code(connection: Connection, release: Release) -> None:
    """Record that the code is the release's, inside the caller's transaction."""
    if connection.execute("SELECT to_regclass('public._atb_code') IS NULL").fetchall() == [(True,)]:
        ask(connection, "code_table")
    found = record_of(release)
    ask(connection, "record_code", values=[found.release, [f"{kind} {name}" for kind, name in found.objects]])


def code_in_the_way(connection: Connection, release: Release, drops: Iterable[Object]) -> tuple[tuple[str, str], ...]:
    """Kind and name of the release's code that keeps tables and columns from being dropped."""
    ours = set(code_entries(release))
    found: dict[tuple[str, str], None] = {}
    for kind, name in drops:
        table, column = name.rpartition(".")[::2] if kind == "column" else (name, None)
        users = cast("list[tuple[str, str, str]]", ask(connection, "dependents", values=["table", table, column]))
        # A table takes its triggers with it.
        found |= {(one, called): None for one, called, _ in users if kind == "column" or one != "trigger"}
    return tuple(one for one in found if one in ours)


class Maker:
    """Makes and drops code in one transaction; grants of others on objects that are made again are kept."""

    def __init__(self, connection: Connection, release: Release) -> None:
        """In the transaction that is under way, with `public` first in its search path."""
        record = read_code_record(connection)
        self._connection = connection
        self._release = release
        self._units = {(unit.kind, unit.name): unit for unit in release.units}
        self._place = {key: number for number, key in enumerate(self._units)}
        entries = code_entries(release)
        self._full_names = {(kind, bare(kind, name)): name for kind, name in entries}
        self._ours = {*entries, *(record.objects if record else ())}
        self._waiting: set[tuple[str, str]] = set()
        self._dropped: set[tuple[str, str]] = set()
        self._grants: list[str] = []
        self._owners: dict[tuple[str, str], str] = {}

    def follow(self, plan: CodePlan) -> tuple[str, ...]:
        """Make, describe, drop and record what the plan says; the grants that could not be given again.

        Raises:
            Refused: something that is not atb_db's depends on what must be dropped.
        """
        self.drop_all(plan.drop)
        self._make(plan.make)
        self._describe((*plan.comments, *plan.unseen))
        if plan.record:
            record_code(self._connection, self._release)
        return self._restore()

    def _make(self, units: Iterable[Unit]) -> None:
        units = tuple(units)
        if self._made_at_once(units):
            return
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
            self._describe(unit.comments)

    def _made_at_once(self, units: tuple[Unit, ...]) -> bool:
        """Make them in one round trip; False, with nothing made, if something must be dropped first or was."""
        if self._waiting:
            return False
        statements = [text for unit in units for text in (unit.statement, *map(self._meaning, unit.comments))]
        try:
            with self._connection.transaction():
                self._run(statements)
        except _HEADER_CHANGED:
            return False
        return True

    def _describe(self, comments: Iterable[Comment]) -> None:
        self._run([self._meaning(comment) for comment in comments])

    def _meaning(self, comment: Comment) -> str:
        if comment.kind != "function":
            return comment.statement
        # By its parameters, as there may be another of this name.
        name = self._full_names.get(("function", comment.name), comment.name)
        meaning = comment.statement.partition(" IS")[2].strip()
        return composed(
            "COMMENT ON FUNCTION {name} IS {meaning}", name=_named("function", name), meaning=Written(meaning)
        )

    def _run(self, statements: list[str]) -> None:
        if statements:
            self._connection.execute(";\n".join(statements).encode())

    def drop_named(self, names: Iterable[str]) -> None:
        """Drop the views and functions of these names, those of functions without parameters, that are there."""
        wanted = set(names)
        self.drop_all(
            (one.kind, one.name)
            for one in (read_catalog(self._connection) if wanted else ())
            if one.kind in {"view", "function"} and bare(one.kind, one.name) in wanted
        )

    def drop_all(self, objects: Iterable[tuple[str, str]]) -> None:
        """Drop those that are there, as `drop` does."""
        for kind, name in objects:
            if (kind, name) not in self._dropped:
                self.drop(kind, name)

    def drop(self, kind: str, name: str) -> None:
        """Drop it with what depends on it; `follow` makes again what of it the release has.

        Raises:
            Refused: something that is not atb_db's depends on it.
        """
        doomed = [(kind, name)]
        if kind != "trigger":
            found = cast(
                "list[tuple[str | None, str, str]]", ask(self._connection, "dependents", values=[kind, name, None])
            )
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
        drop = sql.SQL("DROP {} {}").format(Written(kind), _named(kind, name))
        try:
            with self._connection.transaction():
                self._connection.execute(drop)
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

    def _restore(self) -> tuple[str, ...]:
        """Restore owner and grants of objects that were made again; the grants that could not be given."""
        if not self._dropped:
            return ()
        for (kind, name), owner in self._read_owners().items():
            before = self._owners.get((kind, name), owner)
            if (kind, name) in self._dropped and owner != before:
                alter = sql.SQL("ALTER {} {} OWNER TO {}")
                self._connection.execute(alter.format(Written(kind), _named(kind, name), sql.Identifier(before)))
        there = set(read_grants(self._connection))
        lost = [statement for statement in self._grants if statement not in there]
        return tuple(note for statement in lost if (note := grant_again(self._connection, statement)))

    def _read_owners(self) -> dict[tuple[str, str], str]:
        rows = cast("list[tuple[str, str, str, str, str]]", ask(self._connection, "owned_objects"))
        return {(kind, name): owner for kind, name, _, owner, _ in rows if kind in CODE_KINDS}


def _named(kind: str, name: str) -> sql.Composable:
    """An object by its name in the catalog: a function has its parameters' types, a trigger its table."""
    if kind == "trigger":
        table, _, trigger = name.rpartition(".")
        return sql.SQL("{} ON {}").format(sql.Identifier(trigger), sql.Identifier(*table.split(".")))
    called, parenthesis, types = name.partition("(")
    return sql.Identifier(*called.split(".")) + Written(parenthesis + types)
