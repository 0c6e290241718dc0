"""The schema as the server describes it: read from a database, or expected; and how two of them differ."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import psycopg

from atb_db.admin.connection import Connection, ask, reading
from atb_db.admin.schema.expressions import flattened
from atb_db.config import Settings
from atb_db.sqlfile import schema_sql, sql_root

# Kinds whose names begin with the table, view or domain that they are part of.
PARTS: Final = frozenset({"column", "constraint", "index", "policy", "rule", "trigger"})


class Entry(NamedTuple):
    """One object of the schema; columns have no order, and no text depends on the server's version."""

    kind: str
    """Such as table, column, enum or function."""
    name: str
    """Such as positions, positions.size or drawdown(numeric,numeric)."""
    definition: str
    comment: str | None


Catalog: TypeAlias = tuple[Entry, ...]


class Difference(NamedTuple):
    """One thing in which two catalogs differ."""

    what: str
    """An entry's kind, or a kind with "comment" after it."""
    where: str
    expected: str | None
    """None for what should not be there."""
    actual: str | None
    """None for a missing one."""

    @property
    def problem(self) -> str:
        """missing, unexpected or different."""
        if self.actual is None:
            return "missing"
        return "unexpected" if self.expected is None else "different"


def read_catalog(connection: Connection) -> Catalog:
    """The catalog of the connected database, sorted; `public` must come first in the connection's search path."""
    return tuple(ask(connection, "objects", Entry))


def expected_catalog(root: Path | None = None) -> Catalog:
    """The catalog of a database made from sql/schema, that of this release unless another folder is given."""
    return _own_catalog() if root is None else _written_catalog(root)


@cache
def _own_catalog() -> Catalog:
    return _written_catalog(None)


def _written_catalog(root: Path | None) -> Catalog:
    rows: list[list[str]] = json.loads(_catalog_file(root).read_bytes())
    return tuple(Entry(*row) for row in rows)


def differences(expected: Iterable[Entry], actual: Iterable[Entry]) -> list[Difference]:
    """Every difference, sorted; of a table, view or domain that is only in one of the two, not also its parts."""
    wanted = {(entry.kind, entry.name): entry for entry in expected}
    found = {(entry.kind, entry.name): entry for entry in actual}
    alone = {name for kind, name in wanted.keys() ^ found.keys() if kind not in PARTS}
    different: list[Difference] = []
    for kind, name in sorted(wanted.keys() | found.keys()):
        if kind in PARTS and name.rpartition(".")[0] in alone:
            continue
        here, there = wanted.get((kind, name)), found.get((kind, name))
        if here is None or there is None or not _same(here.definition, there.definition):
            definitions = (entry and entry.definition for entry in (here, there))
            different.append(Difference(kind, name, *definitions))
        if here and there and here.comment != there.comment:
            different.append(Difference(f"{kind} comment", name, here.comment, there.comment))
    return different


def _same(one: str, other: str) -> bool:
    return one == other or flattened(one) == flattened(other)


def write_expected_catalog() -> None:
    """Write `expected_catalog` again, from sql/schema in a throwaway server."""
    from atb_db import embedded

    with embedded.postgresql() as server:
        settings = Settings.load(server.create_database("catalog", template="template0"))
        with psycopg.connect(settings.conninfo) as connection:
            connection.execute(schema_sql().encode())
        with reading(settings) as (reader, _):
            write_catalog(_catalog_file(), read_catalog(reader))


def write_catalog(path: Path, catalog: Catalog) -> None:
    """Write a catalog as `expected_catalog` reads it, one entry a line."""
    rows = [json.dumps(entry) for entry in catalog]
    path.write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")


def _catalog_file(root: Path | None = None) -> Path:
    return (root or sql_root()) / "catalog.json"


if __name__ == "__main__":
    write_expected_catalog()
