"""Keys of rows that have no id: their content, and the place among those that are equal in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from atb_db.importing.plan import Row

_LONGEST: Final = 240


class Keys:
    """Keys of one file's rows by some of their columns; rows that are equal in all of these are all real."""

    def __init__(self, columns: Iterable[str]) -> None:
        self._columns = tuple(columns)
        self._seen: Counter[str] = Counter()

    def next(self, row: Row) -> str:
        """The key of the row that comes next."""
        content = "|".join(str(row.get(column, "")) for column in self._columns)[:_LONGEST]
        self._seen[content] += 1
        return f"{content}#{self._seen[content]}"
