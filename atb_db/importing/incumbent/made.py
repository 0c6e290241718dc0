"""What a row of the incumbent's becomes, and reading what is in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from atb_db.bulk import AnyCopy
from atb_db.importing.incumbent.times import Clock
from atb_db.importing.plan import Ids, Row
from atb_db.importing.reading import number_or_none
from atb_db.statement import Statement


class Made(NamedTuple):
    """What a row becomes."""

    make: Callable[[Ids], Statement[object]] | None
    """None of what is loaded in bulk."""
    target: str
    """The table that the record is in."""
    notes: tuple[str, ...] = ()
    extra: Row | None = None
    request: str | None = None
    """What its request_id stands for, of a row of a bulk load."""
    into: AnyCopy | None = None
    row: Row | None = None
    """Of a row of a bulk load what it says, by the names of its parameters."""


Mapper: TypeAlias = Callable[[Row, Clock], Made]


def whole_or_none(row: Row, name: str) -> int | None:
    """A whole number, if there is one."""
    found = number_or_none(row, name)
    return None if found is None else int(found)
