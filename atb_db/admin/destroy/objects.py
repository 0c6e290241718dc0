"""What a database holds that can be dropped, and whose it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from atb_db.admin.access.privileges import is_bookkeeping
from atb_db.admin.connection import Connection, ask
from atb_db.admin.schema.catalog import expected_catalog


class Droppable(NamedTuple):
    """An object that can be dropped by itself; kind and name are as in a catalog's entries."""

    kind: str
    name: str
    statement: str
    """The DROP of it, and of what depends on it; one that has gone meanwhile is no error."""
    owner: str
    parts: int
    """Number of its columns, constraints, indexes and the like."""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Objects(NamedTuple):
    """A database's objects by whose they are."""

    ours: tuple[Droppable, ...]
    """Those of this version's schema, and the records of migrations."""
    foreign: tuple[Droppable, ...]


def droppable_objects(connection: Connection, schemas: Sequence[str] | None = None) -> list[Droppable]:
    """Everything that a DROP can name, in these schemas or in all; names are those of the connection's search path."""
    return ask(connection, "droppable_objects", Droppable, values=[None if schemas is None else list(schemas)])


def read_objects(connection: Connection) -> Objects:
    """The database's objects; `public` must be the connection's search path."""
    expected = {(entry.kind, entry.name) for entry in expected_catalog()}
    found = droppable_objects(connection)
    ours = [one for one in found if (one.kind, one.name) in expected or is_bookkeeping(one.name)]
    return Objects(tuple(ours), tuple(one for one in found if one not in ours))
