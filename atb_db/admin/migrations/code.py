"""Differences between a database's functions, views, triggers and comments and those of a release."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from atb_db.admin.migrations.files import Release
from atb_db.admin.schema.catalog import Catalog, Difference, differences
from atb_db.admin.schema.declared import Comment, Unit

CODE_KINDS: Final = frozenset({"function", "view", "trigger"})


class CodeRecord(NamedTuple):
    """What a database has recorded of its code: its functions, views and triggers."""

    release: str
    """Version of atb_db that made it."""
    objects: tuple[tuple[str, str], ...]
    """Kind and name of each, as the catalog says them."""


class CodePlan(NamedTuple):
    """What makes a database's code that of a release."""

    make: tuple[Unit, ...] = ()
    """Those that are missing or different, in the order in which they are made."""
    comments: tuple[Comment, ...] = ()
    """Those that are missing or different, on what need not be made."""
    drop: tuple[tuple[str, str], ...] = ()
    """Kind and name of those that an earlier release made, and this one no longer has."""
    newer: str | None = None
    """The later release whose code is there, and is left as it is."""
    unseen: tuple[Comment, ...] = ()
    """Those on what the catalog leaves out, such as a sequence: said whenever the release is recorded."""
    record: bool = False
    """Whether it is not recorded that this release made the code."""

    @property
    def subjects(self) -> tuple[str, ...]:
        """The objects to make, describe or drop, each in words."""
        described = dict.fromkeys(f"comment on {one.kind} {one.name}" for one in self.comments)
        return (*map(str, self.make), *described, *(f"{kind} {name}" for kind, name in self.drop))


def plan_code(release: Release, record: CodeRecord | None, actual: Catalog, *, older: bool = False) -> CodePlan:
    """The objects to make, describe and drop, by comparing the database with the release.

    The code of a later release is left as it is, unless `older` asks for that of this one.
    """
    if record and not older and _version(record.release) > _version(release.version):
        return CodePlan(newer=record.release)
    units: set[tuple[str, str]] = set()
    described: set[tuple[str, str]] = set()
    for one in differences(release.expected, actual):
        kind, _, comment = one.what.partition(" ")
        name = bare(kind, one.where)
        if one.expected is None:
            # A column that a view should not have is the view's; what else is there besides may be somebody else's.
            units |= _view_of(release, kind, name) if not comment else set()
        elif comment:
            described.add((kind, name))
        elif kind in CODE_KINDS:
            units.add((kind, name))
        else:
            units |= _view_of(release, kind, name)
    there = {(entry.kind, entry.name) for entry in actual}
    known = {(entry.kind, entry.name) for entry in release.expected}
    seen = {(kind, bare(kind, name)) for kind, name in known}
    is_new = record != record_of(release) and bool(record or release.units)
    return CodePlan(
        tuple(one for one in release.units if (one.kind, one.name) in units),
        tuple(_comments(release, units, described)),
        tuple(one for one in (record.objects if record else ()) if one in there and one not in known),
        unseen=tuple(one for one in release.declared.comments if is_new and (one.kind, one.name) not in seen),
        record=is_new,
    )


def is_code(release: Release, difference: Difference) -> bool:
    """Whether `migrate` makes it good by itself, as it is about code."""
    kind, _, comment = difference.what.partition(" ")
    return bool(comment) or kind in CODE_KINDS or bool(_view_of(release, kind, difference.where))


def _view_of(release: Release, kind: str, name: str) -> set[tuple[str, str]]:
    view = name.rpartition(".")[0]
    return {("view", view)} if kind == "column" and ("view", view) in release.code else set()


def _comments(release: Release, units: set[tuple[str, str]], described: set[tuple[str, str]]) -> Iterator[Comment]:
    for unit in release.units:
        if (unit.kind, unit.name) not in units:
            yield from (one for one in unit.comments if (one.kind, one.name) in described)
    yield from (one for one in release.declared.comments if (one.kind, one.name) in described)


def bare(kind: str, name: str) -> str:
    """A name of the catalog, of a function without its parameters."""
    return name.partition("(")[0] if kind == "function" else name


def code_entries(release: Release) -> list[tuple[str, str]]:
    """Kind and name, as the catalog says them, of all code that the release declares."""
    return [(one.kind, one.name) for one in release.expected if (one.kind, bare(one.kind, one.name)) in release.code]


def record_of(release: Release) -> CodeRecord:
    """The record of a database whose code is the release's."""
    return CodeRecord(release.version, tuple(code_entries(release)))


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdecimal())
