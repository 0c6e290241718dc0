"""Rows of bulk loads as COPY takes them: some thousand at a time, by column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final, TypeAlias

from atb_db.bulk import AnyCopy, Block, Rows, of_statements
from atb_db.columns import Texts
from atb_db.statement import REQUEST_HASH, Statement, declaration_of
from atb_db.types import NEW

_FIRST: Final = 100
_MOST: Final = 1000
_BYTES: Final = 1024 * 1024
"""About as large may a block be: rows with large documents come in smaller ones."""
_ESCAPED: Final = ("\\", "\t", "\n", "\r")
_ESCAPES: Final = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
_NULL: Final = "\\N"

AnyRows: TypeAlias = Rows | Iterable[Statement[None]]
"""What `copy_in` takes: many rows at once, or one value each."""


class BulkLoad:
    """The rows of a bulk load in COPY's text format, and which sessions they are for."""

    REFUSE_ENDED: Final = b"SELECT count(active_session(id)) FROM unnest($1::bigint[]) AS named (id)"
    """Single commands ask this of each row; here all rows are asked once, in their transaction."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._sessions: set[str | None] = set()
        self.declaration: AnyCopy = rows.declaration

    @classmethod
    def of(cls, rows: AnyRows) -> BulkLoad | None:
        """That of the rows; None where there are no values of single rows."""
        if isinstance(rows, Rows):
            return cls(rows)
        iterator = iter(rows)
        for first in iterator:
            declaration_of(first)
            return cls(of_statements(chain([first], iterator), first))
        return None

    @property
    def sessions(self) -> str:
        """The ids of the sessions, as an array."""
        return "{" + ",".join(session for session in self._sessions if session is not None) + "}"

    def blocks(self, most: int = _MOST) -> Iterator[bytes]:
        """The rows as lines of text; a block has at most so many."""
        take = self._rows.blocks()
        first, size = 1, _FIRST
        while (block := take(size)) is not None:
            lines = self._lines(block, first)
            yield lines
            first += block.rows
            size = min(most, 2 * size, max(1, _BYTES * block.rows // len(lines)))

    def _lines(self, block: Block, first: int) -> bytes:
        declaration = self.declaration
        texts = declaration.texts(self._rows, block, first)
        sessions = texts.get("session_id")
        self._sessions.update({sessions} if sessions is None or isinstance(sessions, str) else sessions)
        form: list[str] = []
        varying: list[Sequence[str]] = []
        for name in declaration.order:
            if name == REQUEST_HASH:
                column: Texts = list(map(str, declaration.hash_rows(texts, block.rows)))
            elif name in texts:
                column = texts[name]
            elif declaration.fields[name].default is NEW:
                column = self._rows.ids.of(first, block.rows)
            else:
                column = declaration.usual[name]
            if column is None or isinstance(column, str):
                form.append(_field(column).replace("%", "%%"))
            else:
                form.append("%s")
                varying.append(_fields(column))
        line = "\t".join(form) + "\n"
        if not varying:
            return (line % () * block.rows).encode()
        return "".join(map(line.__mod__, zip(*varying, strict=True))).encode()


def _field(text: str | None) -> str:
    return _NULL if text is None else text.translate(_ESCAPES)


def _fields(texts: Sequence[str | None]) -> Sequence[str]:
    if None in texts:
        return list(map(_field, texts))
    joined = "".join(texts)  # type: ignore[arg-type]  # without None
    if any(character in joined for character in _ESCAPED):
        return list(map(_field, texts))
    return texts  # type: ignore[return-value]  # without None
