"""Keys of rows: the ids that the source gives them; where it gives none, their content and the place among equals."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import Final

from atb_db.importing.plan import Row

_LONGEST: Final = 240
_LONGEST_ID: Final = 200
"""What is put behind it, such as a word that it came again, must fit, too."""


def key_of(*ids: str) -> str:
    """The key of a row with ids of its own; of longer ones the beginning, and a digest of all of it."""
    whole = " ".join(ids).strip()
    if len(whole) <= _LONGEST_ID:
        return whole
    return f"{whole[: _LONGEST_ID - 20]}… {hashlib.blake2b(whole.encode(), digest_size=8).hexdigest()}"


class Keys:
    """Keys of one file's rows by some of their columns; rows that are equal in all of these are all real."""

    def __init__(self, columns: Iterable[str]) -> None:
        self._columns = tuple(columns)
        self._seen: Counter[str] = Counter()

    def next(self, row: Row) -> str:
        """The key of the row that comes next."""
        content = "|".join(str(row.get(column, "")) for column in self._columns)[:_LONGEST].lstrip()
        self._seen[content] += 1
        return f"{content}#{self._seen[content]}"
